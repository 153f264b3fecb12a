// gk_qdot_neon_q2_k.h -- rows of Q2_K by a few rows of x, with dot products or without.
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits, 32 of them
//   for four groups; f16 d, dmin. w = d sc q - dmin mn.
//
//   v14  0x4b40: above a byte n it makes the float 1.5 * 2^23 + n

#define TOP 3.0
#define SCALES_OF_16
#define DEPTH 4
#include "gk_qdot_neon_zeros.h"
#include "gk_qdot_neon_two.h"
#ifdef __aarch64__

.macro SETUP
    mov     w9, #0x4b40
    dup     v14.8h, w9
    SETUP_TWO
.endm

.macro FLOATS lo, hi, d             // of words in v\lo: times lane \d of v8
    zip2    v\hi\().8h, v\lo\().8h, v14.8h
    zip1    v\lo\().8h, v\lo\().8h, v14.8h
    fsub    v\hi\().4s, v\hi\().4s, v9.4s
    fsub    v\lo\().4s, v\lo\().4s, v9.4s
    fmul    v\hi\().4s, v\hi\().4s, v8.s[\d]
    fmul    v\lo\().4s, v\lo\().4s, v8.s[\d]
.endm

.macro SCALES_OF at, w
    ldr     q0, [\w]
    ldr     s8, [\w, #80]
    ROUNDING
    movi    v5.8h, #15
    ushr    v2.8h, v0.8h, #4        // mn of the first halves of groups
    ushr    v4.8h, v0.8h, #8        // sc of the last
    ushr    v6.8h, v0.8h, #12
    and     v0.16b, v0.16b, v5.16b
    and     v2.16b, v2.16b, v5.16b
    and     v4.16b, v4.16b, v5.16b
    fcvtl   v8.4s, v8.4h
    FLOATS  0, 1, 0
    FLOATS  2, 3, 1
    FLOATS  4, 5, 0
    FLOATS  6, 7, 1
    ZEROS   \at, \at + 32
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    TWO     16 + 32*\h + 16*\q, \w, \a, \b, \c, \d
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
