// gk_qdot_avx2_q1_0.h -- rows of Q1_0 by one row of x, with AVX-VNNI or without.
//
//   256 weights are two blocks of 18 bytes, four groups each: f16 d; 128 bits. w = d (2 bit - 1).
//
//   scales, for each row: 0  float d[8] times those of x
//
//   ymm10  four bytes, each eight times     ymm11  bytes 1 << 0 .. 1 << 7     ymm14  (z, 512 z) = (1, 512)
//   ymm15  twos

#define LESS_Z ymm14
#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro CONSTANTS
    .byte   0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1                              //  96
    .byte   2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3
    .quad   0x8040201008040201                                                          // 128
    .long   0x02020202, 0x02000001                                                      // 136
.endm

.macro SETUP
    vmovdqa ymm10, ymmword ptr [DATA + 96]
    vpbroadcastq ymm11, qword ptr [DATA + 128]
    vpbroadcastd ymm15, dword ptr [DATA + 136]
    vpbroadcastd ymm14, dword ptr [DATA + 140]
.endm

.macro SCALE r, at
    vpbroadcastw xmm0, word ptr [\at]
    vpbroadcastw xmm1, word ptr [\at + 18]
    vpunpcklqdq xmm0, xmm0, xmm1
    vcvtph2ps ymm0, xmm0
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro STEP d, g, r, at, acc
    vpbroadcastd ymm1, dword ptr [\at + 18*(\g / 4) + 2 + 4*(\g % 4)]
    vpshufb ymm1, ymm1, ymm10
    vpand   ymm1, ymm1, ymm11
    vpcmpeqb ymm1, ymm1, ymm11
    vpand   ymm1, ymm1, ymm15
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
