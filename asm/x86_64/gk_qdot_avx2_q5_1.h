// gk_qdot_avx2_q5_1.h -- rows of Q5_1 by one row of x, with AVX-VNNI or without.
//
//   A block of 32 is 24 bytes: f16 d, m; 4 of fifth bits; 16 of nibbles.

#define FIFTHS 192
#define BYTES_OF_32 24
#include "gk_qdot_avx2_q45_1.h"
#include "gk_qdot_avx2_fifths.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_1 31.0
    CONSTANTS_FIFTHS
.endm

.macro SETUP
    SETUP_FIFTHS
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS \d, \g
    CODES   W0 + 24*\g + 4
    STEP    \d, \g, 0, ymm8
    CODES   W1 + 24*\g + 4
    STEP    \d, \g, 1, ymm9
.endm

#endif
