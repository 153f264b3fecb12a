// gk_qdot_avx2_q5_0.h -- rows of Q5_0 by a few rows of x, with AVX-VNNI or without.
//
//   A block of 32 is 22 bytes: f16 d; 4 of fifth bits; 16 of nibbles. w = d (q - 16).

#define Z 16
#define DEPTH 4
#define FIFTHS 0
#include "gk_qdot_avx2.h"
#include "gk_qdot_avx2_fifths.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_FIFTHS
.endm

.macro ROW
    GK_QDOT_HALF_SCALES 22
    CODES   rax + 2, 22
.endm

#endif
