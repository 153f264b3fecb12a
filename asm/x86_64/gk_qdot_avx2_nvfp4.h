// gk_qdot_avx2_nvfp4.h -- rows of NVFP4 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are four blocks of 36 bytes, two groups each: 4 scales e; for each 16 weights 8 bytes of nibbles, the
//   low halves of them first. w = s level[q], s = 128 times the f16 whose bits are e << 7, bit 7 of e aside, but 0 if e
//   is 0x7f.

#define Z 12
#define DEPTH 4
#define LEVELS
#include "gk_qdot_avx2_16.h"
#include "gk_qdot_avx2_nibbles.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_16
    .byte   12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0                   //  32  levels + 12
    .float  128, 128, 128, 128                                                          //  48
    .fill   16, 2, 0x3f80                                                               //  64
.endm

.macro SETUP
    vbroadcasti128 ymm14, xmmword ptr [DATA + 32]
    vbroadcasti128 ymm15, xmmword ptr [DATA + 16]
.endm

.macro ROW
    vmovd   xmm0, dword ptr [rax]
    vpinsrd xmm0, xmm0, dword ptr [rax + 36], 1
    vpinsrd xmm0, xmm0, dword ptr [rax + 72], 2
    vpinsrd xmm0, xmm0, dword ptr [rax + 108], 3
    vmovdqa ymm2, ymmword ptr [DATA + 64]
    vpshufb xmm0, xmm0, xmmword ptr [DATA]
    vbroadcastss ymm3, dword ptr [DATA + 48]
    vpmovzxbw ymm0, xmm0
    vpsllw  ymm0, ymm0, 7
    vpcmpeqw ymm1, ymm0, ymm2
    vpand   ymm0, ymm0, ymm2
    vpandn  ymm0, ymm1, ymm0
    vextracti128 xmm2, ymm0, 1
    vcvtph2ps ymm1, xmm0
    vcvtph2ps ymm2, xmm2
    vmulps  ymm1, ymm1, ymm3
    vmulps  ymm2, ymm2, ymm3
    SCALES_16_STORE
    GK_QDOT_PAIR 0, rax + 4, 72
    GK_QDOT_PAIR 1, rax + 20, 72
    GK_QDOT_PAIR 2, rax + 40, 72
    GK_QDOT_PAIR 3, rax + 56, 72
    GK_QDOT_FOUR
    NIBBLES 0, 2, ymm1
    NIBBLES 1, 3, ymm4
    NIBBLES 4, 6, ymm3
    NIBBLES 5, 7, ymm0
.endm

#endif
