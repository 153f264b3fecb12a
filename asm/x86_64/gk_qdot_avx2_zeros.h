// gk_qdot_avx2_zeros.h -- what rows of codes with an offset for each 32 have in common, with AVX-VNNI or without.
//
//   w = s q - m = s (q - z) + rest, z = round(m / s) in 0 .. top: rest and s (q - z) are 0 wherever w is.
//
//   scales of a block, for each row: 0  float s[8] times those of x   32  (z, 512 z)[8]   64  float rest[8]
//
//   HEAD is long: its parts are done among the groups of a block, so that none of these waits for all of it.
//   The format has BYTES, for both rows, and SCALE \r, \at: s in ymm1, m in ymm2, of the block of row r at \at.
//
//   ymm14  m / s of a row

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_ZEROS top
    .float  \top, \top, \top, \top, \top, \top, \top, \top                                      //  96
    .long   0, 0, 1, 1, 2, 2, 3, 3                                                      // 128  each twice
.endm

.macro QUOTIENTS d, r, at           // of row r: m / s in ymm14, the others to memory
    SCALE   \r, \at
    GK_QDOT_X_SCALES \d
    vdivps  ymm14, ymm2, ymm1
    vmulps  ymm4, ymm4, ymm1
    vmovaps ymmword ptr [r10 + 96*\r], ymm4
    vmovaps ymmword ptr [r10 + 96*\r + 32], ymm1
    vmovaps ymmword ptr [r10 + 96*\r + 64], ymm2
.endm

.macro ZEROS r
    vxorps  xmm3, xmm3, xmm3
    vmaxps  ymm3, ymm14, ymm3                           // NaN is 0
    vminps  ymm3, ymm3, ymmword ptr [DATA + 96]
    vmovaps ymm1, ymmword ptr [r10 + 96*\r + 32]
    vcvtps2dq ymm0, ymm3                                // z
    vcvtdq2ps ymm3, ymm0
    vfmsub213ps ymm3, ymm1, ymmword ptr [r10 + 96*\r + 64]         // rest = z s - m
    vpslld  ymm2, ymm0, 25
    vpor    ymm0, ymm0, ymm2
    vmovdqa ymmword ptr [r10 + 96*\r + 32], ymm0
    vmovaps ymmword ptr [r10 + 96*\r + 64], ymm3
.endm

.macro HEAD d
    BYTES
    QUOTIENTS \d, 0, N0
    ZEROS   0
    QUOTIENTS \d, 1, N1
    ZEROS   1
.endm

.macro STEP d, g, r, acc            // codes in ymm1
    vpbroadcastd ymm2, dword ptr [r9 + 96*\r + 32 + 4*(\g)]
    GK_QDOT_DOT_Z \d
    GK_QDOT_ADD \acc, 96*\r+4*(\g)
.endm

.macro REST d, j                    // of four groups of both rows
    vbroadcastf128 ymm0, xmmword ptr [r9 + 64 + 16*\j]
    vbroadcastf128 ymm1, xmmword ptr [r9 + 96 + 64 + 16*\j]
    vpermilps ymm0, ymm0, ymmword ptr [DATA + 128]
    vpermilps ymm1, ymm1, ymmword ptr [DATA + 128]
    vmovups ymm2, ymmword ptr [rdx + 256*\d + X_SCALE + 64 + 32*\j]
    vfmadd231ps ymm8, ymm0, ymm2
    vfmadd231ps ymm9, ymm1, ymm2
.endm

.macro RESTS_AND_GROUPS d           // a block and HEAD, by STEPS \d, \g of the format
    BYTES
    REST    \d, 0
    STEPS   \d, 0
    STEPS   \d, 1
    QUOTIENTS \d, 0, N0
    STEPS   \d, 2
    STEPS   \d, 3
    ZEROS   0
    QUOTIENTS \d, 1, N1
    REST    \d, 1
    STEPS   \d, 4
    STEPS   \d, 5
    ZEROS   1
    STEPS   \d, 6
    STEPS   \d, 7
.endm

#endif
