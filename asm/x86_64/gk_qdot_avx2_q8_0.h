// gk_qdot_avx2_q8_0.h -- rows of Q8_0 by one row of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 34 bytes, a group each: f16 d; int8 q[32]. w = d q.
//
//   scales, for each row: 0  float d[8] times those of x
//
//   ymm15  the signs of bytes

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0x80808080              // 96
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 96]
.endm

.macro SCALE r, at
    GK_QDOT_HALVES \at, 34
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro HEAD d
    GK_QDOT_X_SCALES \d
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro STEP d, g, r, at, acc
    vmovdqu ymm1, ymmword ptr [\at + 34*\g + 2]
    GK_QDOT_DOT_S \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_START \d, \g
    STEP    \d, \g, 0, W0, ymm8
    STEP    \d, \g, 1, W1, ymm9
.endm

.macro BLOCK d
    STEPS   \d, 0
    STEPS   \d, 1
    STEPS   \d, 2
    STEPS   \d, 3
    STEPS   \d, 4
    STEPS   \d, 5
    STEPS   \d, 6
    STEPS   \d, 7
.endm

#endif
