// gk_qdot_neon_iq4_nl.h -- rows of IQ4_NL by a few rows of x, with dot products or without.
//
//   256 weights are eight blocks of 18 bytes, a group each: f16 d; 16 bytes of nibbles, low ones first. w = d level[q].

#define LEVELS
#define DEPTH 2
#define BYTES_OF_32 18
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_halves.h"
#include "gk_qdot_neon_nibbles.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_IQ4
.endm

.macro CODES h
    NIBBLES 2 + 72*\h, 18
.endm

#endif
