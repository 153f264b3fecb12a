// gk_qdot_neon_q4_1.h -- rows of Q4_1 by a few rows of x, with dot products or without.
//
//   A block of 32 is 20 bytes: f16 d, m; 16 bytes of nibbles, low ones first.

#define TOP 15.0
#define DEPTH 8
#define BYTES_OF_32 20
#include "gk_qdot_neon_q45_1.h"
#include "gk_qdot_neon_nibbles.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_NIBBLES
.endm

.macro CODES h
    NIBBLES 4 + 80*\h, 20
.endm

#endif
