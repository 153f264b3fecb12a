// gk_qdot_avx512vnni_nvfp4_4 -- rows of NVFP4 by one row of x.                              AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 64 is 36 bytes: 4 scales e; for each 16 weights 8 bytes of nibbles, the low halves of them first.
//   w = s level[q], s = 128 times the f16 whose bits are e << 7, but 0 if these are 0x3f80; bit 7 of e does not count.
//
//   zmm20  shifts 0 | 4     zmm21  fifteens     zmm22  levels + 16     zmm23  sixteens     zmm24  8 bytes, each twice
//   zmm26  128 times scales of x     ymm27  0x3f80, words     k1, k2, k3  double words 1, 2, 3     k4  where s is not 0
//
//   256 of four rows: micro-operations of vectors 13 a step of 64 codes for three digits and 8 for one, and 12 for a
//   row of scales, 5 besides: 261 and 181.
//   On Zen 4, where those of 512 bits take two cycles of a pipe: 153 cycles and 92 cycles.
//
// mca: znver4 1*153

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_nvfp4_data
    GK_QDOT_16_DATA
    .long   0x0f0f0f0f, 0x10101010, 0x3f803f80                      //  68
    .float  128                                                     //  80
    .byte   16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4        //  84
    .balign 64
    .quad   0, 0, 1, 1, 2, 2, 3, 3                                  // 128
    .quad   0, 4, 0, 4, 0, 4, 0, 4                                  // 192

.macro SETUP
    GK_QDOT_16_SETUP
    vmovdqa64 zmm20, zmmword ptr [DATA + 192]
    vpbroadcastd zmm21, dword ptr [DATA + 68]
    vbroadcasti32x4 zmm22, xmmword ptr [DATA + 84]
    vpbroadcastd zmm23, dword ptr [DATA + 72]
    vmovdqa64 zmm24, zmmword ptr [DATA + 128]
    vpbroadcastd ymm27, dword ptr [DATA + 76]
    mov     eax, 2
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
.endm

.macro ROW_SCALES d, r, at
    vmovd   xmm0, dword ptr [\at]
    vmovdqu32 xmm0 {k1}, xmmword ptr [\at + 36 - 4]
    vmovdqu32 xmm0 {k2}, xmmword ptr [\at + 72 - 8]
    vmovdqu32 xmm0 {k3}, xmmword ptr [\at + 108 - 12]
    vpmovzxbw ymm0, xmm0
    vpsllw  ymm0, ymm0, 7
    vpandd  ymm0, ymm0, ymm27
    vpcmpneqw k4, ymm0, ymm27
    vcvtph2ps zmm0 {k4}{z}, ymm0
    vmulps  zmm0, zmm0, zmm26
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro CODES d, h, at, keep, also
    vmovdqu ymm7, ymmword ptr [\at + 36*\h + 4]
    vpermq  zmm7, zmm24, zmm7
    vpsrlvq zmm7, zmm7, zmm20
    vpandd  zmm7, zmm7, zmm21
    vpshufb zmm7, zmm22, zmm7                       // level + 16
.if \d == 3
    vpsubb  zmm1, zmm7, zmm23
.endif
.endm

.macro HEAD d
    vbroadcastss zmm26, dword ptr [DATA + 80]
    vmulps  zmm26, zmm26, zmmword ptr [r11 + 256*\d + 512]
    ROW_SCALES \d, 0, N0
    ROW_SCALES \d, 1, N1
    ROW_SCALES \d, 2, N2
    ROW_SCALES \d, 3, N3
.endm

.macro BLOCK d
    GK_QDOT_16_SIGNED \d, 144, 3
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_nvfp4_4, 144

#endif
