// gk_qdot_avx2_zeros.h -- what rows of codes with an offset for each 32 have in common, with AVX-VNNI or without.
//
//   w = s q - m = s (q - z) + rest, z = round(m / s) in 0 .. top: rest and s (q - z) are 0 wherever w is.
//
//   scales of a block, for each row: 0  float s[8] times those of x   32  (z, 512 z)[8]   64  float rest[8]

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_ZEROS top
    .float  \top, \top, \top, \top, \top, \top, \top, \top                                      //  96
    .long   0, 0, 1, 1, 2, 2, 3, 3                                                      // 128  each twice
    .long   4, 4, 5, 5, 6, 6, 7, 7                                                      // 160
.endm

.macro ZEROS r                      // of s in ymm1 and m in ymm2, zeros in ymm5 and scales of x in ymm4: to memory
    vdivps  ymm3, ymm2, ymm1
    vmaxps  ymm3, ymm3, ymm5                            // NaN is 0
    vminps  ymm3, ymm3, ymmword ptr [DATA + 96]
    vcvtps2dq ymm0, ymm3                                // z
    vcvtdq2ps ymm3, ymm0
    vfmsub213ps ymm3, ymm1, ymm2                        // rest = z s - m
    vpslld  ymm2, ymm0, 25
    vpor    ymm0, ymm0, ymm2
    vmulps  ymm1, ymm1, ymm4
    vmovaps ymmword ptr [r10 + 96*\r], ymm1
    vmovdqa ymmword ptr [r10 + 96*\r + 32], ymm0
    vmovaps ymmword ptr [r10 + 96*\r + 64], ymm3
.endm

.macro STEP d, g, r, acc            // codes in ymm1
    vpbroadcastd ymm2, dword ptr [r9 + 96*\r + 32 + 4*(\g)]
    GK_QDOT_DOT_Z \d
    GK_QDOT_ADD \acc, 96*\r+4*(\g)
.endm

.macro REST d, j                    // of four groups of both rows
    vmovdqa ymm2, ymmword ptr [DATA + 128 + 32*\j]
    vpermps ymm0, ymm2, ymmword ptr [r9 + 64]
    vpermps ymm1, ymm2, ymmword ptr [r9 + 96 + 64]
    vmovups ymm2, ymmword ptr [rdx + 256*\d + X_SCALE + 64 + 32*\j]
    vfmadd231ps ymm8, ymm0, ymm2
    vfmadd231ps ymm9, ymm1, ymm2
.endm

.macro RESTS_AND_GROUPS d           // a block, by STEPS \d, \g of the format
    REST    \d, 0
    STEPS   \d, 0
    STEPS   \d, 1
    STEPS   \d, 2
    STEPS   \d, 3
    REST    \d, 1
    STEPS   \d, 4
    STEPS   \d, 5
    STEPS   \d, 6
    STEPS   \d, 7
.endm

#endif
