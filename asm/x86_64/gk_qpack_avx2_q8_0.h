// gk_qpack_avx2_q8_0.h -- strips of Q8_0 by a few rows of x, with AVX-VNNI or without.
//
//   A strip: for two groups of 32, 544 bytes: f16 d[8] of the first and of the second; eight quads of bytes q + 128 of each.
//   w = d q.
//
//   x, for a group: float d; int32 -128 sum X
//
//   ymm14  bytes of 128, without AVX-VNNI

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 0, 544, SETUP

.macro CONSTANTS
    .fill   32, 1, 128
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA]
.endm

#ifdef GK_QPACK_VNNI

.macro QUAD d, codes, at, first=0
    vmovdqu ymm3, ymmword ptr [rsi + \codes]
    GK_QPACK_DOT \d, ymm3, \at, \first
.endm

.macro JOIN d, at
    GK_QPACK_JOIN \d
    GK_QPACK_START \at
.endm

#else

.macro BY digit, first, at          // four of k, whose codes are in ymm3
    vpbroadcastd ymm5, dword ptr [rax + 64*\digit + \at]
    vpmaddubsw ymm5, ymm3, ymm5
.if \first
    vpmaddwd ymm\digit, ymm5, ymmword ptr [COMMON + 32*\digit]
.else
    vpmaddwd ymm5, ymm5, ymmword ptr [COMMON + 32*\digit]
    vpaddd  ymm\digit, ymm\digit, ymm5
.endif
.endm

.macro QUAD d, codes, at, first=0
    vmovdqu ymm3, ymmword ptr [rsi + \codes]
.if \d == 3
    BY      0, \first, \at
    BY      1, \first, \at
    BY      2, \first, \at
.else
    vpbroadcastd ymm5, dword ptr [rax + \at]
    vpxor   ymm3, ymm3, ymm14
    vpsignb ymm5, ymm5, ymm3
    vpabsb  ymm3, ymm3
    vpmaddubsw ymm5, ymm3, ymm5
.if \first
    vpmaddwd ymm0, ymm5, ymmword ptr [COMMON + 64]
.else
    vpmaddwd ymm5, ymm5, ymmword ptr [COMMON + 64]
    vpaddd  ymm0, ymm0, ymm5
.endif
.endif
.endm

.macro JOIN d, at
.if \d == 3
    vpaddd  ymm0, ymm0, ymm1
    vpaddd  ymm0, ymm0, ymm2
    GK_QPACK_START \at
.endif
.endm

#endif

.macro STEP d
.irp g, 0, 1
    QUAD    \d, 32 + 256*\g, 32*\g, 1
.irp i, 1, 2, 3, 4, 5, 6, 7
    QUAD    \d, 32 + 256*\g + 32*\i, 32*\g + 4*\i
.endr
    vcvtph2ps ymm6, xmmword ptr [rsi + 16*\g]
    JOIN    \d, 64*\d + 16*\g
    GK_QPACK_GROUP 64*\d + 16*\g, ymm6
.endr
.endm

#endif
