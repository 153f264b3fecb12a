// gk_qdot_neon_q5_k.h -- rows of Q5_K by a few rows of x, with dot products or without.
//
//   A block is 176 bytes: scales; 32 bytes of fifth bits, bit g of all for group g; 128 bytes of nibbles, 32 of them the low
//   halves of a group and the high halves of the next.
//
//   Where the fifth bit is clear, ones are shifted in above the nibble: that makes the signed byte q - 16.
//
//   v10 .. v13  bits 0 .. 3

#define TOP 31.0
#define BIAS 16
#define DEPTH 8
#include "gk_qdot_neon_6bit.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_6BIT
    movi    v10.16b, #1
    movi    v11.16b, #2
    movi    v12.16b, #4
    movi    v13.16b, #8
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    ldr     q4, [\w, #16 + 16*\q]
    ldr     q\a, [\w, #48 + 64*\h + 16*\q]
    ldr     q\c, [\w, #80 + 64*\h + 16*\q]
    mvn     v4.16b, v4.16b
.if \h == 1
    ushr    v4.16b, v4.16b, #4
.endif
    cmtst   v\b\().16b, v4.16b, v11.16b
    cmtst   v\d\().16b, v4.16b, v13.16b
    cmtst   v5.16b, v4.16b, v10.16b
    cmtst   v6.16b, v4.16b, v12.16b
    sri     v\b\().16b, v\a\().16b, #4
    sri     v\d\().16b, v\c\().16b, #4
    sli     v\a\().16b, v5.16b, #4
    sli     v\c\().16b, v6.16b, #4
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
