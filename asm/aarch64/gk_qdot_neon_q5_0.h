// gk_qdot_neon_q5_0.h -- rows of Q5_0 by a few rows of x, with dot products or without.
//
//   A block of 32 is 22 bytes: f16 d; 4 of fifth bits; 16 of nibbles. w = d (q - 16).

#define DEPTH 8
#define BYTES_OF_32 22
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_halves.h"
#include "gk_qdot_neon_fifths.h"
#ifdef __aarch64__

.macro CODES h
    FIVES   2 + 88*\h, 22
.endm

#endif
