// gk_qdot_avx2_iq4_nl.h -- rows of IQ4_NL by one row of x, with AVX-VNNI or without.
//
//   A block of 32 is 18 bytes: f16 d; 16 bytes of nibbles. w = d level[q].

#define BYTES_OF_32 18
#include "gk_qdot_avx2_halves.h"
#include "gk_qdot_avx2_iq4.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_IQ4
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_START \d, \g
    STEP    \d, \g, 0, W0 + 18*\g + 2, ymm8
    STEP    \d, \g, 1, W1 + 18*\g + 2, ymm9
.endm

#endif
