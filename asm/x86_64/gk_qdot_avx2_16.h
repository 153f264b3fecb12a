// gk_qdot_avx2_16.h -- what rows with a scale for each 16 codes have in common, with AVX-VNNI or without.
//
//   scales of a block: 0  float s[16] times those of x, of row 0   64  of row 1
//
//   CONSTANTS begin with CONSTANTS_16.

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_16
    .long   0, 0, 0, 0, 1, 1, 1, 1                      //  96  one of two scales
.endm

.macro X_SCALES_16 d                // ymm4, ymm5 = scales of the next x
    vmovups ymm4, ymmword ptr [r11 + 256*\d + X_SCALE]
    vmovups ymm5, ymmword ptr [r11 + 256*\d + X_SCALE + 32]
.endm

.macro SCALE_16 r, sc, half         // of int8 at \sc and the f16 at \half
    vpbroadcastw xmm0, word ptr [\half]
    vpmovsxbd ymm1, qword ptr [\sc]
    vpmovsxbd ymm2, qword ptr [\sc + 8]
    vcvtph2ps ymm0, xmm0
    vcvtdq2ps ymm1, ymm1
    vcvtdq2ps ymm2, ymm2
    vmulps  ymm1, ymm1, ymm0
    vmulps  ymm2, ymm2, ymm0
    vmulps  ymm1, ymm1, ymm4
    vmulps  ymm2, ymm2, ymm5
    vmovaps ymmword ptr [r10 + 64*\r], ymm1
    vmovaps ymmword ptr [r10 + 64*\r + 32], ymm2
.endm

.macro ADD_16 acc, scale            // \acc += ymm0 times two scales of the block
    vbroadcastsd ymm1, qword ptr [r9 + \scale]
    vpermilps ymm1, ymm1, ymmword ptr [DATA + 96]
    vcvtdq2ps ymm0, ymm0
    vfmadd231ps \acc, ymm0, ymm1
.endm

#endif
