// gk_qdot_neon_q4_0.h -- rows of Q4_0 by a few rows of x, with dot products or without.
//
//   256 weights are eight blocks of 18 bytes, a group each: f16 d; 16 bytes of nibbles, low ones first. w = d (q - 8).

#define Z 8
#define DEPTH 8
#define BYTES_OF_32 18
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_halves.h"
#include "gk_qdot_neon_nibbles.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_NIBBLES
.endm

.macro CODES h
    NIBBLES 2 + 72*\h, 18
.endm

#endif
