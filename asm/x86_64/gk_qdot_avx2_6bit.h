// gk_qdot_avx2_6bit.h -- what rows of Q4_K and Q5_K by a few rows of x have in common: scales of 6 bits.
//
//   A block begins with f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes: a, b, c of four. w = d sc q - dmin mn.

#include "gk_qdot_avx2_zeros.h"
#ifdef __x86_64__

.macro CONSTANTS_6BIT top
    CONSTANTS_ZEROS \top
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15                    //  64  a c b c
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11                    //  80  . a . b
    .long   0, 0, 0, 4                                                                  //  96  shifts of a c b c
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f                              // 112  and their masks
    .long   0, 0x30303030, 0, 0x30303030                                                // 128  those of . a . b
    .long   0, 0, 0, 0
.endm

.macro SCALES_6BIT
    vmovdqu xmm0, xmmword ptr [rax]                     // d dmin a b c
    vpbroadcastd xmm3, dword ptr [rax]
    vpshufb xmm1, xmm0, xmmword ptr [DATA + 80]
    vpshufb xmm0, xmm0, xmmword ptr [DATA + 64]
    vcvtph2ps ymm3, xmm3                                // d dmin d dmin ..
    vpsrld  xmm1, xmm1, 2                               // high bits: a >> 2, b >> 2
    vpsrlvd xmm0, xmm0, xmmword ptr [DATA + 96]         // low bits: a, c, b, c >> 4
    vpand   xmm1, xmm1, xmmword ptr [DATA + 128]
    vpand   xmm0, xmm0, xmmword ptr [DATA + 112]
    vpor    xmm0, xmm0, xmm1                            // sc mn
    vpunpckhqdq xmm2, xmm0, xmm0
    vpmovzxbd ymm1, xmm0
    vpmovzxbd ymm2, xmm2
    vcvtdq2ps ymm1, ymm1
    vcvtdq2ps ymm2, ymm2
    vmovsldup ymm4, ymm3
    vmovshdup ymm3, ymm3
    vmulps  ymm1, ymm1, ymm4                            // s = d sc
    vmulps  ymm2, ymm2, ymm3                            // m = dmin mn
    ZEROS
.endm

#endif
