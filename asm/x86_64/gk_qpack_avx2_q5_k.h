// gk_qpack_avx2_q5_k.h -- strips of Q5_K by a few rows of x, with AVX-VNNI or without.
//
//   A strip, for each 256 of k: f16 d[8], dmin[8]; uint8 z4[8], fifth bits of z, of group g bit g; four times, for two groups of
//   32, 352 bytes: [8] words z | sc << 4 | mn << 10 of the first group, then of the second, by turns; five quads of each, of
//   bytes a to e of codes q[t]. w = d sc q - dmin mn = s (q - z) + rest.
//
//       a  q[0] | (q[5] & 7) << 5                             c, d  the same of q[2], q[3], q[6], and q[7] >> 4
//       b  q[1] | q[5] >> 3 << 5 | (q[7] >> 3 & 1) << 7       e     q[4] | (q[7] & 7) << 5
//
//   x, for a group: float d, d sum X; 4 bytes that are not used; int32 -sum X
//
//   ymm10 .. ymm13  d / 16, 2^19 d, dmin / 1024, 2^13 dmin     ymm14  31     room: z4, and what is left of it
//
//   Integers below 2^23 are floats less 2^23 once they have its exponent: sc 16 + 2^23 times d / 16, less 2^19 d, is s.

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 40, 352, SETUP, HEAD, OPEN

.macro CONSTANTS
    .fill   32, 1, 31                                                   //   0
    .fill   32, 1, 7                                                    //  32
    .fill   32, 1, 24                                                   //  64
    .fill   32, 1, 16                                                   //  96
    .fill   32, 1, 8                                                    // 128
    .fill   8, 4, 15                                                    // 160
    .fill   8, 4, 16                                                    // 192
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA]
.endm

.macro HEAD
    GK_QPACK_SIX_BITS_HEAD
    vpmovzxbd ymm0, qword ptr [rsi + 32]
    vmovdqa ymmword ptr [rdi + 128], ymm0
.endm

.macro OPEN
    vmovdqa ymm0, ymmword ptr [rdi + 128]
    vmovdqa ymmword ptr [rdi + 160], ymm0
.endm

.macro LOW d, quad, at, first=0
    vpand   ymm3, \quad, ymm14
    GK_QPACK_DOT \d, ymm3, \at, \first
.endm

.macro UPPER d, low, right, high, left, at      // (\low >> right & 7) + (\high >> left & 24)
    vpsrlw  ymm3, \low, \right
    vpsrlw  ymm9, \high, \left
    vpand   ymm3, ymm3, ymmword ptr [DATA + 32]
    vpand   ymm9, ymm9, ymmword ptr [DATA + 64]
    vpor    ymm3, ymm3, ymm9
    GK_QPACK_DOT \d, ymm3, \at
.endm

.macro GROUP d, codes, at           // ymm0 = the sums of a group
    vmovdqu ymm4, ymmword ptr [rsi + \codes]
    vmovdqu ymm6, ymmword ptr [rsi + \codes + 32]
    LOW     \d, ymm4, \at, 1
    LOW     \d, ymm6, \at + 4
    UPPER   \d, ymm4, 5, ymm6, 2, \at + 20
    vmovdqu ymm7, ymmword ptr [rsi + \codes + 64]
    vmovdqu ymm8, ymmword ptr [rsi + \codes + 96]
    LOW     \d, ymm7, \at + 8
.if \d == 1
    GK_QPACK_JOIN \d
    vmovdqa ymm2, ymm0
    LOW     \d, ymm8, \at + 12, 1
.else
    LOW     \d, ymm8, \at + 12
.endif
    UPPER   \d, ymm7, 5, ymm8, 2, \at + 24
    vmovdqu ymm4, ymmword ptr [rsi + \codes + 128]
    LOW     \d, ymm4, \at + 16
    vpsrlw  ymm3, ymm4, 5
    vpsrlw  ymm6, ymm6, 4
    vpsrlw  ymm8, ymm8, 3
    vpand   ymm3, ymm3, ymmword ptr [DATA + 32]
    vpand   ymm6, ymm6, ymmword ptr [DATA + 128]
    vpand   ymm8, ymm8, ymmword ptr [DATA + 96]
    vpor    ymm3, ymm3, ymm6
    vpor    ymm3, ymm3, ymm8
    GK_QPACK_DOT \d, ymm3, \at + 28
    GK_QPACK_JOIN \d
.if \d == 1
    vpaddd  ymm0, ymm0, ymm2
.endif
.endm

.macro ZERO left                    // ymm3 = z of words ymm9, its fifth bit so far from where it is left
    vpslld  ymm4, ymm4, \left
    vpand   ymm3, ymm9, ymmword ptr [DATA + 160]
    vpand   ymm4, ymm4, ymmword ptr [DATA + 192]
    vpor    ymm3, ymm3, ymm4
.endm

.macro STEP d
    GROUP   \d, 32, 0
    vmovdqu ymm9, ymmword ptr [rsi]
    vmovdqa ymm4, ymmword ptr [rdi + 160]
    ZERO    4
    GK_QPACK_SIX_BITS_GROUP 64*\d, ymm9, ymm3
    GROUP   \d, 192, 32
    vmovdqu ymm9, ymmword ptr [rsi]
    vmovdqa ymm4, ymmword ptr [rdi + 160]
    vpsrld  ymm9, ymm9, 16
    vpsrld  ymm3, ymm4, 2
    vmovdqa ymmword ptr [rdi + 160], ymm3
    ZERO    3
    GK_QPACK_SIX_BITS_GROUP 64*\d + 16, ymm9, ymm3
.endm

#endif
