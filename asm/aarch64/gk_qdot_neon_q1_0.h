// gk_qdot_neon_q1_0.h -- rows of Q1_0 by a few rows of x, with dot products or without.
//
//   256 weights are two blocks of 18 bytes, four groups each: f16 d; 128 bits. w = d (2 bit - 1). Codes are 1 - 2 bit, and
//   s is -d.

#define DEPTH 8
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_bits.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_BITS
.endm

.macro SCALES_OF at, w
    ldr     h0, [\w]
    ldr     h1, [\w, #18]
    fcvt    s0, h0
    fcvt    s1, h1
    fneg    s0, s0
    fneg    s1, s1
    dup     v0.4s, v0.s[0]
    dup     v1.4s, v1.s[0]
    stp     q0, q1, [x0, #\at]
.endm

.macro PAIR low, high, index, of
    BITS    \low, \high, \index, \of
    orr     v\low\().16b, v\low\().16b, v2.16b
    orr     v\high\().16b, v\high\().16b, v2.16b
.endm

.macro CODES h
    ldr     q0, [x1, #2 + 18*\h]
    ldr     q1, [x2, #2 + 18*\h]
    movi    v2.16b, #1
    PAIR    16, 17, 10, 0
    PAIR    24, 25, 10, 1
    PAIR    18, 19, 11, 0
    PAIR    26, 27, 11, 1
    PAIR    20, 21, 12, 0
    PAIR    28, 29, 12, 1
    PAIR    22, 23, 13, 0
    PAIR    30, 31, 13, 1
.endm

#endif
