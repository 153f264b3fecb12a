// gk_qdot_avx2_q23_k.h -- what rows of Q2_K and Q3_K by a few rows of x have in common: lower bits of codes.
//
//   64 bytes of 2 bits, 32 of them for four groups. Of two groups, f = 1 | 4: codes of the second stay two bits up,
//   their scales are a quarter.
//
//   ymm13  3     ymm14  12

#include "gk_qdot_avx2_16.h"
#ifdef __x86_64__

.macro CONSTANTS_Q23
    CONSTANTS_16
    .fill   32, 1, 3                                                                    //  32  3 f
    .fill   32, 1, 12                                                                   //  64
    .float  1, 0.25, 1, 0.25, 1, 0.25, 1, 0.25                                          //  96  1 / f
.endm

.macro SETUP_Q23
    vmovdqa ymm13, ymmword ptr [DATA + 32]
    vmovdqa ymm14, ymmword ptr [DATA + 64]
.endm

.macro SCALES_F                     // ymm1, ymm2 / f
    vmovaps ymm0, ymmword ptr [DATA + 96]
    vmulps  ymm1, ymm1, ymm0
    vmulps  ymm2, ymm2, ymm0
    SCALES_16_STORE
.endm

.macro LOWER at                     // f times the lower bits of 16 of groups, all of these at \at
    GK_QDOT_PAIR 0, \at, 32
    vpsrlw  ymm2, ymm0, 4
    vpand   ymm1, ymm0, ymm14
    vpand   ymm0, ymm0, ymm13
    vpand   ymm3, ymm2, ymm14
    vpand   ymm2, ymm2, ymm13
.endm

#endif
