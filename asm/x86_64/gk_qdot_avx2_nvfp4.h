// gk_qdot_avx2_nvfp4.h -- rows of NVFP4 by one row of x, with AVX-VNNI or without.
//
//   256 weights are four blocks of 36 bytes, two groups each: 4 scales e; for each 16 weights 8 bytes of nibbles, the
//   low halves of them first. w = s level[q], s = 128 times the f16 whose bits are e << 7, bit 7 of e aside, but 0 if e
//   is 0x7f.
//
//   ymm10  shifts 0 | 4, twice     ymm11  fifteens     ymm14  levels + 12     ymm15  (z, 512 z) = (12, 6144)

#define LESS_Z ymm15
#include "gk_qdot_avx2_16.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_16
    .quad   0, 4, 0, 4                                                                  // 128
    .fill   16, 2, 0x3f80                                                               // 160
    .byte   12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0                   // 192
    .long   0x0f0f0f0f, 0x1800000c                                                      // 208
    .float  128                                                                         // 216
.endm

.macro SETUP
    vmovdqa ymm10, ymmword ptr [DATA + 128]
    vbroadcasti128 ymm14, xmmword ptr [DATA + 192]
    vpbroadcastd ymm11, dword ptr [DATA + 208]
    vpbroadcastd ymm15, dword ptr [DATA + 212]
.endm

.macro SCALE r, at
    vmovd   xmm0, dword ptr [\at]
    vpinsrd xmm0, xmm0, dword ptr [\at + 36], 1
    vpinsrd xmm0, xmm0, dword ptr [\at + 72], 2
    vpinsrd xmm0, xmm0, dword ptr [\at + 108], 3
    vmovdqa ymm2, ymmword ptr [DATA + 160]
    vpmovzxbw ymm0, xmm0
    vpsllw  ymm0, ymm0, 7
    vpcmpeqw ymm1, ymm0, ymm2
    vpand   ymm0, ymm0, ymm2
    vpandn  ymm0, ymm1, ymm0
    vextracti128 xmm1, ymm0, 1
    vcvtph2ps ymm0, xmm0
    vcvtph2ps ymm1, xmm1
    vmulps  ymm0, ymm0, ymm4
    vmulps  ymm1, ymm1, ymm5
    vmovaps ymmword ptr [r10 + 64*\r], ymm0
    vmovaps ymmword ptr [r10 + 64*\r + 32], ymm1
.endm

.macro HEAD d
    vbroadcastss ymm0, dword ptr [DATA + 216]
    vmulps  ymm4, ymm0, ymmword ptr [r11 + 256*\d + X_SCALE]
    vmulps  ymm5, ymm0, ymmword ptr [r11 + 256*\d + X_SCALE + 32]
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro STEP d, g, r, at, acc
    vpermq  ymm1, ymmword ptr [\at + 36*(\g / 2) + 4], 0x50 + 0xaa*(\g % 2)
    vpsrlvq ymm1, ymm1, ymm10
    vpand   ymm1, ymm1, ymm11
    vpshufb ymm1, ymm14, ymm1
    GK_QDOT_DOT \d
    ADD_16  \acc, 64*\r+8*\g
.endm

.macro BLOCK d
    HEAD    \d
    GK_QDOT_GROUPS \d
.endm

#endif
