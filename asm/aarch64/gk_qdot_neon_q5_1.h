// gk_qdot_neon_q5_1.h -- rows of Q5_1 by a few rows of x, with dot products or without.
//
//   A block of 32 is 24 bytes: f16 d, m; 4 of fifth bits; 16 of nibbles.

#define TOP 31.0
#define BIAS 16
#define DEPTH 8
#define BYTES_OF_32 24
#include "gk_qdot_neon_q45_1.h"
#include "gk_qdot_neon_fifths.h"
#ifdef __aarch64__

.macro CODES h
    FIVES   4 + 96*\h, 24
.endm

#endif
