// gk_qdot_neon_q4_k.h -- rows of Q4_K by a few rows of x, with dot products or without.
//
//   A block is 144 bytes: scales; 128 bytes of nibbles, 32 of them the low halves of a group and the high halves of the
//   next.
//
//   v15  fifteens

#define TOP 15.0
#define DEPTH 8
#include "gk_qdot_neon_6bit.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_6BIT
    movi    v15.16b, #15
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    ldr     q\b, [\w, #16 + 64*\h + 16*\q]
    ldr     q\d, [\w, #48 + 64*\h + 16*\q]
    and     v\a\().16b, v\b\().16b, v15.16b
    and     v\c\().16b, v\d\().16b, v15.16b
    ushr    v\b\().16b, v\b\().16b, #4
    ushr    v\d\().16b, v\d\().16b, #4
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
