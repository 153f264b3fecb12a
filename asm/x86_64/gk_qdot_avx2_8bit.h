// gk_qdot_avx2_8bit.h -- what rows of Q8_0 and Q8_K by a few rows of x have in common: codes that are bytes.
//
//   ymm15  AVX-VNNI: the signs of bytes

#define SIGNED_CODES
#define DEPTH 1
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_8BIT
    .fill   32, 1, 128                                                                  //   0
.endm

.macro SETUP
    vmovdqa ymm15, ymmword ptr [DATA]
.endm

.macro HALF_8BIT h, at, step
    GK_QDOT_HALF \h, \at, \step
#ifdef GK_QDOT_VNNI
    vpxor   ymm0, ymm0, ymm15
    vpxor   ymm1, ymm1, ymm15
    vpxor   ymm2, ymm2, ymm15
    vpxor   ymm3, ymm3, ymm15
#endif
.endm

#endif
