// gk_qdot_avx512vnni_q4_k_4 -- rows of Q4_K by one row of x.                                     AVX-512 F, BW, DQ, VNNI
//
//   A block is 144 bytes: f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes; 128 bytes of nibbles, 32 of them the low
//   halves of a group and the high halves of the next. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc)
//   in 0 .. 15: rest and s (q - z) are 0 wherever w is. Two rows share the vectors that make s, z and rest.
//
//   zmm12, zmm13  s times the scale of x, row 0 | row 1 and row 2 | row 3      zmm24  fifteens
//   zmm14, zmm15  (z, 512 z) of the same                                      zmm25  shifts 0 | 4
//   zmm16 .. 19   groups 2h | 2h + 1 of the first row, h = 0 .. 3             zmm26  scale of x, for two rows
//   zmm20 .. 23   of the second                                               zmm27, zmm28  each twice, of the first, second
//
//   A block of four rows is 16 steps of 13 micro-operations of vectors for three digits, 9 for one, and 31 for the scales of
//   two rows: 270 on 2 ports = 135 cycles, and 206.
//
// mca: icelake-server 1*135

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

#define DATA rip + gk_qdot_avx512vnni_q4_k_data

GK_CONST gk_qdot_avx512vnni_q4_k_data
    .long   0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2                              //   0  d of two rows
    .long   1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3                              //  64  dmin
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15                    // 128  a c b c
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11                    // 160  . a . b
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11
    .long   0, 0, 0, 4, 0, 0, 0, 4                                                      // 192  shifts of a c b c
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f                              // 224  and their masks
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f
    .long   0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1                              // 256  groups 0 | 1
    .long   0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7                              // 320  each twice
    .long   0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14                        // 384  every other, twice
    .long   0x0f0f0f0f, 0x30303030, 2, 8                                                // 448
    .float  15.0                                                                        // 464
    .long   0x00040004                                                                  // 468

.macro SETUP
    vpbroadcastd zmm0, dword ptr [DATA + 456]
    vpbroadcastd zmm1, dword ptr [DATA + 460]
    vmovdqa64 zmm16, zmmword ptr [DATA + 256]
    vpaddd  zmm17, zmm16, zmm0
    vpaddd  zmm18, zmm17, zmm0
    vpaddd  zmm19, zmm18, zmm0
    vpaddd  zmm20, zmm16, zmm1
    vpaddd  zmm21, zmm17, zmm1
    vpaddd  zmm22, zmm18, zmm1
    vpaddd  zmm23, zmm19, zmm1
    vmovdqa64 zmm27, zmmword ptr [DATA + 320]
    vpaddd  zmm28, zmm27, zmm1
    vpbroadcastd zmm24, dword ptr [DATA + 448]
    vpbroadcastd ymm0, dword ptr [DATA + 468]
    vpxord  zmm25, zmm25, zmm25
    vinserti64x4 zmm25, zmm25, ymm0, 1
    vmovdqa64 zmm29, zmmword ptr [DATA]
    vmovdqa64 zmm30, zmmword ptr [DATA + 64]
    vpxord  zmm31, zmm31, zmm31
.endm

.macro SCALES a, b, room            // of the blocks at \a and \b: scale, zero, rest
    vmovdqu xmm0, xmmword ptr [\a]                      // d dmin a b c
    vinserti128 ymm0, ymm0, xmmword ptr [\b], 1
    vmovd   xmm1, dword ptr [\a]
    vpinsrd xmm1, xmm1, dword ptr [\b], 1
    vcvtph2ps xmm1, xmm1                                // d dmin d dmin
    vpshufb ymm2, ymm0, ymmword ptr [DATA + 160]
    vpshufb ymm0, ymm0, ymmword ptr [DATA + 128]
    vpsrld  ymm2, ymm2, 2                               // high bits: a >> 2, b >> 2
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 192]         // low bits: a, c, b, c >> 4
    vpand   ymm0, ymm0, ymmword ptr [DATA + 224]
    vpternlogd ymm0, ymm2, dword ptr [DATA + 452]{1to8}, 0xf8
    vpermq  ymm0, ymm0, 0xd8                            // sc sc mn mn
    vextracti128 xmm2, ymm0, 1
    vpmovzxbd zmm0, xmm0
    vpmovzxbd zmm2, xmm2
    vcvtdq2ps zmm0, zmm0
    vcvtdq2ps zmm2, zmm2
    vpermps zmm3, zmm29, zmm1
    vmulps  zmm0, zmm0, zmm3                            // s = d sc
    vpermps zmm3, zmm30, zmm1
    vmulps  zmm2, zmm2, zmm3                            // m = dmin mn
    vdivps  zmm3, zmm2, zmm0
    vmaxps  zmm3, zmm3, zmm31                           // NaN is 0
    vminps  zmm3, zmm3, dword ptr [DATA + 464]{1to16}
    vcvtps2dq zmm1, zmm3                               // z
    vcvtdq2ps zmm3, zmm1
    vfmsub213ps zmm3, zmm0, zmm2                        // rest = z s - m
    vpslld  zmm2, zmm1, 25
    vpord   zmm1, zmm1, zmm2
    vmulps  zmm0, zmm0, zmm26
    vmovaps zmmword ptr [rdi + \room], zmm0
    vmovdqa64 zmmword ptr [rdi + \room + 64], zmm1
    vmovaps zmmword ptr [rdi + \room + 128], zmm3
.endm

.macro STEP d, h, at, groups, scale, zero, acc      // 64 codes of the block at \at
    vbroadcasti32x8 zmm7, ymmword ptr [\at + 16 + 32*\h]
    vpsrlvw zmm7, zmm7, zmm25
    vpandd  zmm7, zmm7, zmm24
    vpermd  zmm1, \groups, \zero
    vpermps zmm2, \groups, \scale
    GK_QDOT_DOT \d, zmm7
    vpdpwssd zmm0, zmm1, zmmword ptr [rdx + 256*\d + 64*\h]
    vcvtdq2ps zmm0, zmm0
    vfmadd231ps \acc, zmm0, zmm2
.endm

.macro STEPS d, h, first, second
    GK_QDOT_DIGITS \d, \h
    STEP    \d, \h, W0, \first,  zmm12, zmm14, zmm8
    STEP    \d, \h, W1, \second, zmm12, zmm14, zmm9
    STEP    \d, \h, W2, \first,  zmm13, zmm15, zmm10
    STEP    \d, \h, W3, \second, zmm13, zmm15, zmm11
.endm

.macro AHEAD at
    prefetcht0 byte ptr [\at + 1024]
    prefetcht0 byte ptr [\at + 1024 + 72]
.endm

.macro REST d, room, each, acc       // of a row, to its sums
    vpermps zmm0, \each, zmmword ptr [rdi + \room + 128]
    vfmadd231ps \acc, zmm0, zmmword ptr [rdx + 256*\d + 576]
.endm

.macro HEAD d
    vmovdqa64 zmm0, zmmword ptr [DATA + 384]
    vpermps zmm26, zmm0, zmmword ptr [r11 + 256*\d + 512]
    SCALES  N0, N1, 448
    SCALES  N2, N3, 640
.endm

.macro BLOCK d
    REST    \d, 448, zmm27, zmm8
    REST    \d, 448, zmm28, zmm9
    REST    \d, 640, zmm27, zmm10
    REST    \d, 640, zmm28, zmm11
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 640]
    vmovdqa64 zmm14, zmmword ptr [rdi + 448 + 64]
    vmovdqa64 zmm15, zmmword ptr [rdi + 640 + 64]
    AHEAD   W0
    AHEAD   W1
    AHEAD   W2
    AHEAD   W3
    HEAD    \d
    STEPS   \d, 0, zmm16, zmm20
    STEPS   \d, 1, zmm17, zmm21
    STEPS   \d, 2, zmm18, zmm22
    STEPS   \d, 3, zmm19, zmm23
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q4_k_4, 144

#endif
