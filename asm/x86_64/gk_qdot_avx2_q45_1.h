// gk_qdot_avx2_q45_1.h -- what rows of Q4_1 and Q5_1 by a few rows of x have in common: f16 scales and offsets.
//
//   256 weights are eight blocks of BYTES_OF_32, a group each, that open with f16 d, m. w = d q + m.

#include "gk_qdot_avx2_zeros.h"
#ifdef __x86_64__

.macro CONSTANTS_1 top
    CONSTANTS_ZEROS \top
    .byte   0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15                        //  64  d, then m
    .long   0x80000000, 0, 0, 0                                                         //  80
.endm

.macro FOUR to, at                  // d[4], m[4] of four blocks: each pair is loaded to where it stays
    vmovdqu \to, xmmword ptr [\at]
    vpblendd \to, \to, xmmword ptr [\at + (BYTES_OF_32 - 4)], 2
    vpblendd \to, \to, xmmword ptr [\at + (BYTES_OF_32 - 4)*2], 4
    vpblendd \to, \to, xmmword ptr [\at + (BYTES_OF_32 - 4)*3], 8
    vpshufb \to, \to, xmmword ptr [DATA + 64]
.endm

.macro SCALES_1
    FOUR    xmm0, rax
    FOUR    xmm3, rax + 4*BYTES_OF_32
    vpunpcklqdq xmm1, xmm0, xmm3
    vpunpckhqdq xmm2, xmm0, xmm3
    vcvtph2ps ymm1, xmm1
    vcvtph2ps ymm2, xmm2
    vbroadcastss ymm3, dword ptr [DATA + 80]
    vxorps  ymm2, ymm2, ymm3
    ZEROS
.endm

#endif
