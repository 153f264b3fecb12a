// gk_qpack_avx2_q4_1_8 -- strips of Q4_1 by a few rows of x.                                              AVX2 FMA F16C
//
//   A strip: for two groups of 32, 328 bytes: f16 d[8] of the first and of the second, m[8] of both; bytes z of the first |
//   z of the second << 4; four quads of nibbles of each. w = d q + m = d (q - z) + rest.
//
//   x, for a group: float d, d sum X; 4 bytes that are not used; int32 -sum X
//
//   ymm13  15     ymm14  fifteens
//
//   Sums of 16 bits: eight pairs of products are at most 8 . 2 . 15 . 127 = 30480.
//
//   64 of eight rows by one of x: 53 cycles for three digits.
//
// mca: skylake 1*53 1

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
    .fill   32, 1, 15                                                   //   0
    .fill   8, 4, 15                                                    //  32
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA]
    vmovdqa ymm13, ymmword ptr [DATA + 32]
.endm

.macro STEP d
.irp g, 0, 1
    GK_QPACK_NIBBLE_GROUP \d, 72 + 128*\g, 32*\g
    vpmovzxbd ymm3, qword ptr [rsi + 64]
    vcvtph2ps ymm7, xmmword ptr [rsi + 16*\g]
.if \g
    vpsrld  ymm3, ymm3, 4
.else
    vpand   ymm3, ymm3, ymm13
.endif
    vcvtph2ps ymm8, xmmword ptr [rsi + 32 + 16*\g]
    vcvtdq2ps ymm5, ymm3
    vbroadcastss ymm6, dword ptr [rax + 64*\d + 16*\g + 12]
    vpmulld ymm3, ymm3, ymm6
    vfmadd231ps ymm8, ymm5, ymm7                        // the rest
    vbroadcastss ymm5, dword ptr [rax + 64*\d + 16*\g + 4]
    vfmadd231ps ymm15, ymm8, ymm5
    vpaddd  ymm0, ymm0, ymm3
    GK_QPACK_GROUP 64*\d + 16*\g, ymm7
.endr
.endm

GK_QPACK_FUNC gk_qpack_avx2_q4_1_8, 0, 328, SETUP

#endif
