// gk_qdot_neon_awq4.h -- rows of AWQ4 and GPTQ4 by a few rows of x, with dot products or without.
//
//   256 weights are two blocks of 72 bytes, four groups each: f16 s, z; 4 zeros; 64 bytes of nibbles, groups 0 and 1
//   the low halves of them, 2 and 3 the high ones. w = s q - s z.
//
//   v15  fifteens

#define TOP 15.0
#define DEPTH 8
#include "gk_qdot_neon_zeros.h"
#ifdef __aarch64__

.macro SETUP
    movi    v15.16b, #15
.endm

.macro SCALES_OF w, s0, s1, m0, m1
    ldr     s\s0, [\w]
    ldr     s\s1, [\w, #72]
    fcvtl   v\s0\().4s, v\s0\().4h
    fcvtl   v\s1\().4s, v\s1\().4h
    dup     v\m0\().4s, v\s0\().s[1]
    dup     v\m1\().4s, v\s1\().s[1]
    dup     v\s0\().4s, v\s0\().s[0]
    dup     v\s1\().4s, v\s1\().s[0]
    fmul    v\m0\().4s, v\m0\().4s, v\s0\().4s  // m = s z
    fmul    v\m1\().4s, v\m1\().4s, v\s1\().4s
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    ldr     q\c, [\w, #8 + 72*\h + 16*\q]
    ldr     q\d, [\w, #40 + 72*\h + 16*\q]
    and     v\a\().16b, v\c\().16b, v15.16b
    and     v\b\().16b, v\d\().16b, v15.16b
    ushr    v\c\().16b, v\c\().16b, #4
    ushr    v\d\().16b, v\d\().16b, #4
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
