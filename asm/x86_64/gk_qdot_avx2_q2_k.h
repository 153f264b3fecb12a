// gk_qdot_avx2_q2_k.h -- rows of Q2_K by a few rows of x, with AVX-VNNI or without.
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits;
//   f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 3: rest and s (q - z) are 0
//   wherever w is.
//
//   ymm15  fifteens

#define ROW_Z
#define RESTS
#define DEPTH 4
#include "gk_qdot_avx2_q23_k.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_Q23
    .float  3, 3, 3, 3, 3, 3, 3, 3                                                      // 128
    .long   0, 2, 0, 2, 0, 2, 0, 2                                                      // 160  shifts by f
.endm

.macro SETUP
    SETUP_Q23
    vbroadcasti128 ymm15, xmmword ptr [DATA + 16]
.endm

.macro EIGHT p, s, sc, mn           // of part p: s to \s, and z and rest; d and dmin are in ymm6 and ymm7
    vpmovzxbd ymm4, \mn
    vpmovzxbd \s, \sc
    vcvtdq2ps ymm4, ymm4
    vcvtdq2ps \s, \s
    vmulps  ymm4, ymm4, ymm7                            // m = dmin mn
    vmulps  \s, \s, ymm6                                // s = d sc
    vdivps  ymm5, ymm4, \s
    vpxor   xmm0, xmm0, xmm0
    vmaxps  ymm5, ymm5, ymm0                            // NaN is 0
    vminps  ymm5, ymm5, ymmword ptr [DATA + 128]
    vcvtps2dq ymm0, ymm5                                // z
    vcvtdq2ps ymm5, ymm0
    vfmsub213ps ymm5, \s, ymm4                          // rest = z s - m
    vpsllvd ymm0, ymm0, ymmword ptr [DATA + 160]
    vpslld  ymm4, ymm0, 25
    vmovaps ymmword ptr [r11 + 576 + 32*\p], ymm5
    vpor    ymm0, ymm0, ymm4
    vmovdqa ymmword ptr [r11 + 640 + 32*\p], ymm0
.endm

.macro HALF h
    LOWER   rax + 16 + 16*\h
.endm

.macro ROW
    vpbroadcastd xmm0, dword ptr [rax + 80]
    vmovdqu xmm8, xmmword ptr [rax]
    vcvtph2ps ymm0, xmm0                                // d dmin d dmin ..
    vpshufb xmm8, xmm8, xmmword ptr [DATA]
    vmovsldup ymm6, ymm0
    vmovshdup ymm7, ymm0
    vpsrlw  xmm9, xmm8, 4
    vpand   xmm8, xmm8, xmm15
    vpand   xmm9, xmm9, xmm15
    EIGHT   0, ymm1, xmm8, xmm9
    vpunpckhqdq xmm8, xmm8, xmm8
    vpunpckhqdq xmm9, xmm9, xmm9
    EIGHT   1, ymm2, xmm8, xmm9
    SCALES_F
    GK_QDOT_HALVES
.endm

#endif
