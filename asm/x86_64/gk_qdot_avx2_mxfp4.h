// gk_qdot_avx2_mxfp4.h -- rows of MXFP4 by one row of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 17 bytes, a group each: e; 16 bytes of nibbles, low ones first. w = 2^(e - 128)
//   level[q]. Where that is beyond what codes serve, 2^-40 .. 2^60, the row is NaN: its caller takes another way.
//
//   scales, for each row: 0  float 2^(e - 128)[8] times those of x
//
//   ymm10  shifts 0 | 4     ymm11  fifteens     ymm14  levels + 12     ymm15  (z, 512 z) = (12, 6144)

#define LESS_Z ymm15
#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0, 0, 0, 0, 4, 4, 4, 4                                                      //  96
    .fill   8, 4, 255                                                                   // 128
    .fill   8, 4, 138                                                                   // 160  e is at most 50 off
    .fill   8, 4, 50                                                                    // 192
    .fill   8, 4, 0x00800000                                                            // 224
    .byte   12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0                   // 256
    .long   0x0f0f0f0f, 0x1800000c                                                      // 272
.endm

.macro SETUP
    vmovdqa ymm10, ymmword ptr [DATA + 96]
    vbroadcasti128 ymm14, xmmword ptr [DATA + 256]
    vpbroadcastd ymm11, dword ptr [DATA + 272]
    vpbroadcastd ymm15, dword ptr [DATA + 276]
.endm

.macro SCALE r, at
    GK_QDOT_WORDS \at, 17
    vpmovzxwd ymm0, xmm0
    vpand   ymm0, ymm0, ymmword ptr [DATA + 128]
    vpsubd  ymm1, ymm0, ymmword ptr [DATA + 160]
    vpabsd  ymm1, ymm1
    vpcmpgtd ymm1, ymm1, ymmword ptr [DATA + 192]
    vpslld  ymm0, ymm0, 23
    vpsubd  ymm0, ymm0, ymmword ptr [DATA + 224]
    vpor    ymm0, ymm0, ymm1
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro STEP d, g, r, at, acc
    vbroadcasti128 ymm1, xmmword ptr [\at + 17*\g + 1]
    vpsrlvd ymm1, ymm1, ymm10
    vpand   ymm1, ymm1, ymm11
    vpshufb ymm1, ymm14, ymm1
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
