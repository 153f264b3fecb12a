// gk_qdot_avx2_iq4_xs.h -- rows of IQ4_XS by one row of x, with AVX-VNNI or without.
//
//   A block is 136 bytes: f16 d; sc[8] of 6 bits, the upper two in a word, the lower four in four bytes; 16 bytes
//   of nibbles for each group. w = d (sc - 32) level[q].
//
//   scales, for each row: 0  float d (sc - 32)[8] times those of x

#include "gk_qdot_avx2.h"
#include "gk_qdot_avx2_iq4.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_IQ4
    .long   32, 0, 0, 0, 0, 0, 0                                                        // 164
    .long   0, 4, 8, 12, 16, 20, 24, 28                                                 // 192  where lower bits are
    .long   12, 14, 16, 18, 20, 22, 24, 26                                              // 224  and upper, after d
    .long   15, 15, 15, 15, 15, 15, 15, 15                                              // 256
    .long   48, 48, 48, 48, 48, 48, 48, 48                                              // 288
.endm

.macro SCALE r, at                  // of the block at \at
    vpbroadcastd ymm0, dword ptr [\at + 4]
    vpbroadcastd ymm1, dword ptr [\at]
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 192]
    vcvtph2ps xmm2, xmm1                                // d . d .
    vpsrlvd ymm1, ymm1, ymmword ptr [DATA + 224]
    vpand   ymm0, ymm0, ymmword ptr [DATA + 256]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 288]
    vbroadcastss ymm2, xmm2
    vpor    ymm0, ymm0, ymm1
    vpsubd  ymm0, ymm0, ymm3
    vcvtdq2ps ymm0, ymm0
    vmulps  ymm0, ymm0, ymm2
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro HEAD d
    GK_QDOT_X_SCALES \d
    vpbroadcastd ymm3, dword ptr [DATA + 164]
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_START \d, \g
    STEP    \d, \g, 0, W0 + 8 + 16*\g, ymm8
    STEP    \d, \g, 1, W1 + 8 + 16*\g, ymm9
.endm

.macro BLOCK d
    HEAD    \d
    GK_QDOT_GROUPS \d
.endm

#endif
