// gk_qdot_neon_tq2_0.h -- rows of TQ2_0 by a few rows of x, with dot products or without.
//
//   A block is 66 bytes: two rows of 32 bytes, each the 2 bits of four groups, from the lowest; f16 d. w = d (q - 1).

#define Z 1
#define DEPTH 8
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_two.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_TWO
.endm

.macro SCALES_OF at, w
    ldr     h0, [\w, #64]
    fcvt    s0, h0
    dup     v0.4s, v0.s[0]
    stp     q0, q0, [x0, #\at]
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    TWO     32*\h + 16*\q, \w, \a, \b, \c, \d
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
