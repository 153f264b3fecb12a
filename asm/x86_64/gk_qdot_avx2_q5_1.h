// gk_qdot_avx2_q5_1.h -- rows of Q5_1 by a few rows of x, with AVX-VNNI or without.
//
//   A block of 32 is 24 bytes: f16 d, m; 4 of fifth bits; 16 of nibbles.

#define DEPTH 4
#define FIFTHS 96
#define BYTES_OF_32 24
#include "gk_qdot_avx2_q45_1.h"
#include "gk_qdot_avx2_fifths.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_1 31.0
    CONSTANTS_FIFTHS
.endm

.macro ROW
    SCALES_1
    CODES   rax + 4, 24
.endm

#endif
