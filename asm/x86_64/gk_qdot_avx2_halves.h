// gk_qdot_avx2_halves.h -- what rows of blocks of 32 that open with an f16 scale have in common, AVX-VNNI or not.
//
//   256 weights are eight blocks of BYTES_OF_32, a group each.
//
//   scales, for each row: 0  float d[8] times those of x
//
//   The format has BYTES_OF_32 and STEPS \d, \g: group g of both rows.

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro SCALE r, at
    GK_QDOT_WORDS \at, BYTES_OF_32
    vcvtph2ps ymm0, xmm0
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

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
