// gk_qdot_avx2_eight.h -- what rows with a scale for each 32 codes, or for more, have in common, AVX-VNNI or not.
//
//   scales, for each row: 0  float s[8] times those of x
//
//   The format has SCALE \r, \at: scales of row r from its block at \at, x's in ymm4.

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro HEAD d
    GK_QDOT_X_SCALES \d
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro BLOCK d
    HEAD    \d
    GK_QDOT_GROUPS \d
.endm

#endif
