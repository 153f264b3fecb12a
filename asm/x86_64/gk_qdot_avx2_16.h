// gk_qdot_avx2_16.h -- what rows with a scale for each 16 codes have in common, with AVX-VNNI or without.

#define SCALES_OF_16
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_16
    .byte   0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15                        //   0  those of first halves first
    .fill   16, 1, 15                                                                   //  16
.endm

.macro SCALES_16 half               // of int8 in xmm1 and the f16 at \half
    vpshufb xmm1, xmm1, xmmword ptr [DATA]
    vpbroadcastw xmm0, word ptr [\half]
    vpunpckhqdq xmm2, xmm1, xmm1
    vcvtph2ps ymm0, xmm0
    vpmovsxbd ymm1, xmm1
    vpmovsxbd ymm2, xmm2
    vcvtdq2ps ymm1, ymm1
    vcvtdq2ps ymm2, ymm2
    vmulps  ymm1, ymm1, ymm0
    vmulps  ymm2, ymm2, ymm0
.endm

.macro SCALES_16_STORE
    vmovaps ymmword ptr [r11 + 512], ymm1
    vmovaps ymmword ptr [r11 + 544], ymm2
.endm

#endif
