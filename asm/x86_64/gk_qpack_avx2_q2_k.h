// gk_qpack_avx2_q2_k.h -- strips of Q2_K by a few rows of x, with AVX-VNNI or without.
//
//   A strip, for each 256 of k: f16 d[8], dmin[8]; four times, for four groups of 16, 160 bytes: sm[4][8], sc | mn << 4; four
//   quads, whose fields of two bits are codes of the groups. w = d sc q - dmin mn.
//
//   x, for a group: float d, sum X; of odd ones, whose sums are of 4 q X, d / 4, 4 sum X. s sum q X - m sum X is what it is but
//   for three roundings, however much of either goes: t = m sum X, and what its rounding took.
//
//   ymm10 .. ymm13  d, 2^23 d, dmin / 16, 2^19 dmin     ymm14  3
//
//   Integers below 2^23 are floats less 2^23 once they have its exponent.

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 32, 160, SETUP, HEAD

.macro CONSTANTS
    .fill   32, 1, 3                                                    //   0
    .fill   32, 1, 12                                                   //  32
    .fill   8, 4, 15                                                    //  64
    .fill   8, 4, 240                                                   //  96
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA]
.endm

.macro HEAD
    vcvtph2ps ymm10, xmmword ptr [rsi]
    vcvtph2ps ymm1, xmmword ptr [rsi + 16]
    vmulps  ymm11, ymm10, ymmword ptr [COMMON + 224]
    vmulps  ymm12, ymm1, ymmword ptr [COMMON + 96]
    vmulps  ymm13, ymm1, ymmword ptr [COMMON + 128]
.endm

.macro QUAD d, i, at, mask, right, first=0
    vmovdqu ymm3, ymmword ptr [rsi + 32 + 32*\i]
.if \right
    vpsrlw  ymm3, ymm3, 4
.endif
    vpand   ymm3, ymm3, \mask
    GK_QPACK_DOT \d, ymm3, \at, \first
.endm

.macro GROUP d, g, mask, right
    QUAD    \d, 0, 16*\g, \mask, \right, 1
    QUAD    \d, 1, 16*\g + 4, \mask, \right
    QUAD    \d, 2, 16*\g + 8, \mask, \right
    QUAD    \d, 3, 16*\g + 12, \mask, \right
    GK_QPACK_JOIN \d
    vpmovzxbd ymm7, qword ptr [rsi + 8*\g]
    vcvtdq2ps ymm0, ymm0
    vpand   ymm6, ymm7, ymmword ptr [DATA + 64]
    vpand   ymm7, ymm7, ymmword ptr [DATA + 96]
    vpor    ymm6, ymm6, ymmword ptr [COMMON + 224]
    vpor    ymm7, ymm7, ymmword ptr [COMMON + 224]
    vbroadcastss ymm4, dword ptr [rax + 64*\d + 8*\g + 4]
    vfmsub132ps ymm6, ymm11, ymm10                      // s
    vfmsub132ps ymm7, ymm13, ymm12                      // m
    vmulps  ymm8, ymm7, ymm4                            // t
    vbroadcastss ymm5, dword ptr [rax + 64*\d + 8*\g]
    vfmsub213ps ymm0, ymm6, ymm8
    vfmsub213ps ymm7, ymm4, ymm8
    vsubps  ymm0, ymm0, ymm7
    vfmadd231ps ymm15, ymm0, ymm5
.endm

.macro STEP d
    vmovdqa ymm9, ymmword ptr [DATA + 32]
    GROUP   \d, 0, ymm14, 0
    GROUP   \d, 1, ymm9, 0
    GROUP   \d, 2, ymm14, 4
    GROUP   \d, 3, ymm9, 4
.endm

#endif
