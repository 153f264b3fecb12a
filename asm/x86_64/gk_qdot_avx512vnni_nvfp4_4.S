// gk_qdot_avx512vnni_nvfp4_4 -- rows of NVFP4 by a few rows of x.                             AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 64 is 36 bytes: 4 scales e; for each 16 weights 8 bytes of nibbles, the low halves of them first.
//   w = s level[q], s = 128 times the f16 whose bits are e << 7, bit 7 of e aside, but 0 if e is 0x7f.
//
//   zmm22  levels + 16     zmm24  8 bytes, each twice     zmm25  shifts 0 | 4     zmm26  fifteens     ymm27  0x3f80, words
//   k1, k2, k3  double words 1, 2, 3     k4  where s is not 0
//
//   256 of four rows: 206 micro-operations of vectors for three digits, 162 for one. On Ice Lake 112 cycles.
//
// mca: icelake-server 1*112 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_nvfp4_data
    GK_QDOT_16_DATA
    .long   0x0f0f0f0f, 0x3f803f80                                  //  64
    .float  128                                                     //  72
    .byte   16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4        //  76
    .balign 64
    .quad   0, 0, 1, 1, 2, 2, 3, 3                                  // 128
    .quad   0, 4, 0, 4, 0, 4, 0, 4                                  // 192

.macro SETUP
    GK_QDOT_16_SETUP
    vmovdqa64 zmm25, zmmword ptr [DATA + 192]
    vpbroadcastd zmm26, dword ptr [DATA + 64]
    vbroadcasti32x4 zmm22, xmmword ptr [DATA + 76]
    vmovdqa64 zmm24, zmmword ptr [DATA + 128]
    vpbroadcastd ymm27, dword ptr [DATA + 68]
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
    vpshufb xmm0, xmm0, xmm16
    vpmovzxbw ymm0, xmm0
    vpsllw  ymm0, ymm0, 7
    vpcmpneqw k4, ymm0, ymm27
    vpandd  ymm0, ymm0, ymm27
    vcvtph2ps zmm0 {k4}{z}, ymm0
    vmulps  zmm0, zmm0, zmm7
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro STEP h, at, to
    vmovdqu ymm\to, ymmword ptr [\at + 36*\h + 4]
    vpermq  zmm\to, zmm24, zmm\to
    vpsrlvq zmm\to, zmm\to, zmm25
    vpandd  zmm\to, zmm\to, zmm26
    vpshufb zmm\to, zmm22, zmm\to                  // level + 16
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    vbroadcastss zmm7, dword ptr [DATA + 72]
    ROW_SCALES \d, 0, N0
    ROW_SCALES \d, 1, N1
    ROW_SCALES \d, 2, N2
    ROW_SCALES \d, 3, N3
.endm

.macro OFFSET d
    vpslld  zmm3, zmmword ptr [rdx + 256*\d], 4
.endm

.macro BLOCK d
    GK_QDOT_16 \d, 144
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_nvfp4_4, 144, LANES

#endif
