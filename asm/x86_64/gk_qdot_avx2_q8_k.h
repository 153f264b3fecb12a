// gk_qdot_avx2_q8_k.h -- rows of Q8_K by a few rows of x, with AVX-VNNI or without.
//
//   A block is 292 bytes: f32 d; int8 q[256]; 32 that are not read. w = d q. Where |d| is beyond what codes serve,
//   2^-40 .. 2^60 and 0, the row is NaN: its caller takes another way.

#include "gk_qdot_avx2_8bit.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_8BIT
    .fill   8, 4, 0x7fffffff                                                            //  32
    .fill   8, 4, 0x2b800000                                                            //  64
    .fill   8, 4, 0x5d800000                                                            //  96
.endm

.macro HALF h
    HALF_8BIT \h, rax + 4, 32
.endm

.macro ROW
    vbroadcastss ymm0, dword ptr [rax]
    vmovdqa ymm2, ymmword ptr [DATA + 64]
    vpxor   xmm3, xmm3, xmm3
    vpand   ymm1, ymm0, ymmword ptr [DATA + 32]
    vpcmpgtd ymm2, ymm2, ymm1
    vpcmpeqd ymm3, ymm3, ymm1
    vpcmpgtd ymm1, ymm1, ymmword ptr [DATA + 96]
    vpandn  ymm2, ymm3, ymm2
    vpor    ymm0, ymm0, ymm1
    vpor    ymm0, ymm0, ymm2
    vmovaps ymmword ptr [r11 + 512], ymm0
    GK_QDOT_HALVES
.endm

#endif
