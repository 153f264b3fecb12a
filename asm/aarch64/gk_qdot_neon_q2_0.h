// gk_qdot_neon_q2_0.h -- rows of Q2_0 by a few rows of x, with dot products or without.
//
//   256 weights are four blocks of 18 bytes, two groups each: f16 d; 16 bytes of codes of 2 bits, from the lowest.
//   w = d (q - 1).
//
//   v11 .. v14  where bytes 0 .. 3 of double words are, four times each     v15  bytes 0, -2, -4, -6

#define Z 1
#define DEPTH 8
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_halves.h"
#ifdef __aarch64__

.macro SETUP
    GK_QDOT_WORDS 11, 0x0000, 0x0000, 0x0404, 0x0404, 0x0808, 0x0808, 0x0c0c, 0x0c0c
    movi    v15.16b, #1
    add     v12.16b, v11.16b, v15.16b
    add     v13.16b, v12.16b, v15.16b
    add     v14.16b, v13.16b, v15.16b
    mov     w9, #0xfe00
    movk    w9, #0xfafc, lsl #16
    dup     v15.4s, w9
.endm

.macro SCALES_OF at, w
    FOUR    0, \w, 18, 0
    fcvtl   v0.4s, v0.4h
    zip2    v1.4s, v0.4s, v0.4s
    zip1    v0.4s, v0.4s, v0.4s
    stp     q0, q1, [x0, #\at]
.endm

.macro QUAD low, high, index        // quads j and j + 4: byte \index of first halves, of last ones
    tbl     v\low\().16b, {v2.16b}, v\index\().16b
    tbl     v\high\().16b, {v3.16b}, v\index\().16b
    ushl    v\low\().16b, v\low\().16b, v15.16b
    ushl    v\high\().16b, v\high\().16b, v15.16b
    and     v\low\().16b, v\low\().16b, v4.16b
    and     v\high\().16b, v\high\().16b, v4.16b
.endm

.macro TWO_BITS at, w, l0, l1, l2, l3, h0, h1, h2, h3
    ldr     q0, [\w, #\at]
    ldr     q1, [\w, #\at + 18]
    movi    v4.16b, #3
    uzp1    v2.4s, v0.4s, v1.4s     // the first halves of groups
    uzp2    v3.4s, v0.4s, v1.4s
    QUAD    \l0, \h0, 11
    QUAD    \l1, \h1, 12
    QUAD    \l2, \h2, 13
    QUAD    \l3, \h3, 14
.endm

.macro CODES h
    TWO_BITS 2 + 36*\h, x1, 16, 17, 18, 19, 20, 21, 22, 23
    TWO_BITS 2 + 36*\h, x2, 24, 25, 26, 27, 28, 29, 30, 31
.endm

#endif
