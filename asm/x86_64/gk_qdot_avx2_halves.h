// gk_qdot_avx2_halves.h -- what rows of blocks of 32 that open with an f16 scale have in common, AVX-VNNI or not.
//
//   256 weights are eight blocks of BYTES_OF_32, a group each. s is their d.

#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro SCALE r, at
    GK_QDOT_WORDS \at, BYTES_OF_32
    vcvtph2ps ymm0, xmm0
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

#endif
