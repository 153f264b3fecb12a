// gk_qdot_avx2_zeros.h -- what rows of codes with an offset for each 32 have in common, with AVX-VNNI or without.
//
//   w = s q - m = s (q - z) + rest, z = round(m / s) in 0 .. top: rest and s (q - z) are 0 wherever w is.

#define ROW_Z
#define RESTS
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_ZEROS top
    .float  \top, \top, \top, \top, \top, \top, \top, \top                              //   0
    .fill   32, 1, 15                                                                   //  32
.endm

.macro ZEROS                        // of s in ymm1, m in ymm2
    vdivps  ymm3, ymm2, ymm1
    vpxor   xmm4, xmm4, xmm4
    vmaxps  ymm3, ymm3, ymm4                            // NaN is 0
    vminps  ymm3, ymm3, ymmword ptr [DATA]
    vmovaps ymmword ptr [r11 + 512], ymm1
    vcvtps2dq ymm4, ymm3                                // z
    vcvtdq2ps ymm3, ymm4
    vfmsub213ps ymm3, ymm1, ymm2                        // rest = z s - m
    vpslld  ymm5, ymm4, 25
    vpor    ymm4, ymm4, ymm5
    vmovdqa ymmword ptr [r11 + 640], ymm4
    vmovaps ymmword ptr [r11 + 576], ymm3
.endm

#endif
