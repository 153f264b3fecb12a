// gk_qdot_neon_q3_k.h -- rows of Q3_K by a few rows of x, with dot products or without.
//
//   A block is 110 bytes: 32 of third bits, bit g of all for group g; 64 of the lower two bits, 32 of them for four groups;
//   sc[16] of 6 bits in 12 bytes; f16 d. w = d (sc - 32) (q - 4), q in 0 .. 7.
//
//   Where the third bit is clear, ones are shifted in above the lower two: that makes the signed byte q - 4.
//
//   v10 .. v13  bits 0 .. 3

#define DEPTH 4
#define BIAS 32
#include "gk_qdot_neon_16.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_16
    movi    v10.16b, #1
    movi    v11.16b, #2
    movi    v12.16b, #4
    movi    v13.16b, #8
.endm

.macro SCALES_OF at, w
    ldr     x9,  [\w, #96]
    ldr     w10, [\w, #104]
    ldr     h8,  [\w, #108]
    and     x11, x9, #0x0f0f0f0f0f0f0f0f
    lsr     x9,  x9, #4
    orr     x10, x10, x10, lsl #30  // upper bits of sc 0 .. 7 at 0, of 8 .. 15 at 4
    and     x9,  x9, #0x0f0f0f0f0f0f0f0f
    and     x12, x10, #0x0303030303030303
    lsr     x10, x10, #4
    orr     x11, x11, x12, lsl #4
    and     x10, x10, #0x0303030303030303
    orr     x9,  x9, x10, lsl #4
    fmov    d0, x11
    mov     v0.d[1], x9
    fcvt    s8, h8
    SCALES_16 \at
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    ldr     q4, [\w, #16*\q]
    ldr     q\a, [\w, #32 + 32*\h + 16*\q]
    mvn     v4.16b, v4.16b
.if \h == 1
    ushr    v4.16b, v4.16b, #4
.endif
    ushr    v\b\().16b, v\a\().16b, #2
    ushr    v\c\().16b, v\a\().16b, #4
    cmtst   v5.16b, v4.16b, v10.16b
    cmtst   v6.16b, v4.16b, v11.16b
    cmtst   v7.16b, v4.16b, v12.16b
    cmtst   v\d\().16b, v4.16b, v13.16b
    sli     v\b\().16b, v6.16b, #2
    sli     v\c\().16b, v7.16b, #2
    sri     v\d\().16b, v\a\().16b, #6
    sli     v\a\().16b, v5.16b, #2
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
