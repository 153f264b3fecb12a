// gk_qdot_avx2_q8_k.h -- rows of Q8_K by one row of x, with AVX-VNNI or without.
//
//   A block is 292 bytes: f32 d; int8 q[256]; 32 that are not read. w = d q. Where |d| is beyond what codes serve,
//   2^-40 .. 2^60 and 0, the row is NaN: its caller takes another way.
//
//   scales, for each row: 0  float d times those of x, of 8
//
//   ymm15  the signs of bytes

#define SIGNED_CODES
#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro CONSTANTS
    .fill   8, 4, 0x7fffffff                                                            //  96
    .fill   8, 4, 0x2b800000                                                            // 128
    .fill   8, 4, 0x5d800000                                                            // 160
    .long   0x80808080                                                                  // 192
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 192]
.endm

.macro SCALE r, at
    vbroadcastss ymm0, dword ptr [\at]
    vmovdqa ymm2, ymmword ptr [DATA + 128]
    vpxor   xmm3, xmm3, xmm3
    vpand   ymm1, ymm0, ymmword ptr [DATA + 96]
    vpcmpgtd ymm2, ymm2, ymm1
    vpcmpeqd ymm3, ymm3, ymm1
    vpcmpgtd ymm1, ymm1, ymmword ptr [DATA + 160]
    vpandn  ymm2, ymm3, ymm2
    vpor    ymm0, ymm0, ymm1
    vpor    ymm0, ymm0, ymm2
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro STEP d, g, r, at, acc
    vmovdqu ymm1, ymmword ptr [\at + 4 + 32*\g]
    GK_QDOT_DOT_S \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
