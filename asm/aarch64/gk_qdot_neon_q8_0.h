// gk_qdot_neon_q8_0.h -- rows of Q8_0 by a few rows of x, with dot products or without.
//
//   256 weights are eight blocks of 34 bytes, a group each: f16 d; int8 q[32]. w = d q.

#define DEPTH 2
#define BYTES_OF_32 34
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_halves.h"
#ifdef __aarch64__

.macro SETUP
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    GK_QDOT_LOAD \w, 2 + 136*\h + 16*\q, 34, \a, \b, \c, \d
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
