// gk_qdot_avx2_q2_0.h -- rows of Q2_0 by one row of x, with AVX-VNNI or without.
//
//   256 weights are four blocks of 18 bytes, two groups each: f16 d; 16 bytes of codes of 2 bits, from the lowest.
//   w = d (q - 1).
//
//   scales, for each row: 0  float d[8] times those of x
//
//   ymm10  bytes 3, 12     ymm11  eight bytes, each four times     ymm14  (z, 512 z) = (1, 512)
//   ymm15  codes of 0 .. 12

#define LESS_Z ymm14
#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro CONSTANTS
    .byte   0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3                              //  96
    .byte   4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7
    .byte   0, 1, 2, 3, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0                              // 128
    .long   0x0c030c03, 0x02000001                                                      // 144
.endm

.macro SETUP
    vmovdqa ymm11, ymmword ptr [DATA + 96]
    vbroadcasti128 ymm15, xmmword ptr [DATA + 128]
    vpbroadcastd ymm10, dword ptr [DATA + 144]
    vpbroadcastd ymm14, dword ptr [DATA + 148]
.endm

.macro SCALE r, at
    vmovdqu xmm0, xmmword ptr [\at]
    vpblendw xmm0, xmm0, xmmword ptr [\at + 16], 2
    vpblendw xmm0, xmm0, xmmword ptr [\at + 32], 4
    vpblendw xmm0, xmm0, xmmword ptr [\at + 48], 8
    vpunpcklwd xmm0, xmm0, xmm0
    vcvtph2ps ymm0, xmm0
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro STEP d, g, r, at, acc
    vpbroadcastq ymm1, qword ptr [\at + 18*(\g / 2) + 2 + 8*(\g % 2)]
    vpshufb ymm1, ymm1, ymm11
    vpsrlw  ymm0, ymm1, 4
    vpblendw ymm1, ymm1, ymm0, 0xaa
    vpand   ymm1, ymm1, ymm10
    vpshufb ymm1, ymm15, ymm1
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
