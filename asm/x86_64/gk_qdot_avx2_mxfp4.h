// gk_qdot_avx2_mxfp4.h -- rows of MXFP4 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 17 bytes, a group each: e; 16 bytes of nibbles, low ones first. w = 2^(e - 128)
//   level[q]. Where that is beyond what codes serve, 2^-40 .. 2^60, the row is NaN: its caller takes another way.

#define Z 12
#define DEPTH 4
#define LEVELS
#include "gk_qdot_avx2.h"
#include "gk_qdot_avx2_nibbles.h"
#ifdef __x86_64__

.macro CONSTANTS
    .byte   12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0                   //   0  levels + 12
    .fill   16, 1, 15                                                                   //  16
    .fill   8, 4, 255                                                                   //  32
    .fill   8, 4, 138                                                                   //  64  e is at most 50 off
    .fill   8, 4, 50                                                                    //  96
    .fill   8, 4, 0x00800000                                                            // 128
.endm

.macro SETUP
    vbroadcasti128 ymm14, xmmword ptr [DATA]
    vbroadcasti128 ymm15, xmmword ptr [DATA + 16]
.endm

.macro ROW
    GK_QDOT_WORDS rax, 17
    vpmovzxwd ymm0, xmm0
    vpand   ymm0, ymm0, ymmword ptr [DATA + 32]
    vpsubd  ymm1, ymm0, ymmword ptr [DATA + 64]
    vpabsd  ymm1, ymm1
    vpcmpgtd ymm1, ymm1, ymmword ptr [DATA + 96]
    vpslld  ymm0, ymm0, 23
    vpsubd  ymm0, ymm0, ymmword ptr [DATA + 128]
    vpor    ymm0, ymm0, ymm1
    vmovaps ymmword ptr [r11 + 512], ymm0
    NIBBLES_OF rax + 1, 17
.endm

#endif
