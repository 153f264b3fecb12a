// gk_qdot_neon_q6_k.h -- rows of Q6_K by a few rows of x, with dot products or without.
//
//   A block is 210 bytes: for each half of 128 weights 64 bytes of nibbles, groups 0 | 2 and 1 | 3; for each half 32 bytes
//   of bits 4 and 5 of its four groups, from the lowest; int8 sc[16]; f16 d. w = d sc (q - 32), q in 0 .. 63.
//
//   v15  63

#define Z 32
#define DEPTH 4
#define BIAS 128
#include "gk_qdot_neon_16.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_16
    movi    v15.16b, #63
.endm

.macro SCALES_OF at, w
    ldr     q0, [\w, #192]
    movi    v1.16b, #128
    ldr     h8, [\w, #208]
    eor     v0.16b, v0.16b, v1.16b
    fcvt    s8, h8
    SCALES_16 \at
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    ldr     q\c, [\w, #128 + 32*\h + 16*\q]
    ldr     q\a, [\w, #64*\h + 16*\q]
    ldr     q\b, [\w, #64*\h + 16*\q + 32]
    ldr     q4, [\w, #64*\h + 16*\q]
    ldr     q5, [\w, #64*\h + 16*\q + 32]
    ushr    v\d\().16b, v\c\().16b, #2
    sli     v\a\().16b, v\c\().16b, #4
    sli     v\b\().16b, v\d\().16b, #4
    sri     v\c\().16b, v4.16b, #4
    sri     v\d\().16b, v5.16b, #4
    and     v\a\().16b, v\a\().16b, v15.16b
    and     v\b\().16b, v\b\().16b, v15.16b
    and     v\c\().16b, v\c\().16b, v15.16b
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
