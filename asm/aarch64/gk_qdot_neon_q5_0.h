// gk_qdot_neon_q5_0.h -- rows of Q5_0 by one row of x.
//
//   A block of 32 is 22 bytes: f16 d; 4 of fifth bits; 16 of nibbles. w = d (q - 16).

#define BYTES_OF_32 22
#include "gk_qdot_neon_halves.h"
#include "gk_qdot_neon_fifths.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_FIFTHS
.endm

.macro SCALES w
    HALVES  \w
.endm

.macro GROUP d, g
    FIFTHS  22*\g + 2
    PRODUCTS_OF \d, \g
.endm

#endif
