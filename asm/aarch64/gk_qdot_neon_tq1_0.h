// gk_qdot_neon_tq1_0.h -- rows of TQ1_0 by a few rows of x, with dot products or without.
//
//   A block is 54 bytes: 32, 16 and 4 bytes of five digits to base 3; f16 d. w = d (digit - 1).
//
//   A byte is a fraction: its first digit is how many thirds of 256 it reaches, 86 and 171; 3^n times it, mod 256, has
//   digit n first.
//
//   v10 .. v13  3, 9, 27, 81     v14, v15  86, 170

#define DEPTH 8
#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro SETUP
    movi    v10.16b, #3
    movi    v11.16b, #9
    movi    v12.16b, #27
    movi    v13.16b, #81
    movi    v14.16b, #86
    movi    v15.16b, #170
.endm

.macro SCALES_OF at, w
    ldr     h0, [\w, #52]
    fcvt    s0, h0
    dup     v0.4s, v0.s[0]
    stp     q0, q0, [x0, #\at]
.endm

.macro DIGIT of                     // the first of each byte, less 1
    cmhi    v4.16b, v\of\().16b, v15.16b
    cmhi    v\of\().16b, v14.16b, v\of\().16b
    sub     v\of\().16b, v\of\().16b, v4.16b
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    ldr     q\a, [\w, #16*\q]
.if \h == 0
    mul     v\b\().16b, v\a\().16b, v10.16b
    mul     v\c\().16b, v\a\().16b, v11.16b
    mul     v\d\().16b, v\a\().16b, v12.16b
.else
    ldr     q\d, [\w, #32]
    mul     v\a\().16b, v\a\().16b, v13.16b
.if \q == 0
    mov     v\b\().16b, v\d\().16b
    mul     v\c\().16b, v\d\().16b, v11.16b
    mul     v\d\().16b, v\d\().16b, v13.16b
.else
    ldr     s5, [\w, #48]
    mul     v\b\().16b, v\d\().16b, v10.16b
    mul     v\c\().16b, v\d\().16b, v12.16b
    movi    v4.16b, #1
    dup     v5.4s, v5.s[0]
    zip1    v4.4s, v4.4s, v10.4s
    zip1    v\d\().4s, v11.4s, v12.4s
    trn1    v\d\().2d, v4.2d, v\d\().2d     // 1, 3, 9, 27
    mul     v\d\().16b, v5.16b, v\d\().16b
.endif
.endif
    DIGIT   \a
    DIGIT   \b
    DIGIT   \c
    DIGIT   \d
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
