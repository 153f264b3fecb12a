// gk_qdot_avx512vbmi_iq1_m_4 -- rows of IQ1_M by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; their upper 3 bits and a sign, 4 bits each; four words
//   for 64 weights: four s of 3 bits, for 16 each, and 4 bits of f16 d. w = d (2 s + 1) / 8 (8 grid +- 1).
//
//   256 of four rows: 340 micro-operations of vectors for three digits, 296 for one. On Ice Lake 236 cycles.
//
// mca: icelake-server 1*236 2

#include "gk_qdot_avx512vbmi_iq1.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq1_m_data
    GK_QDOT_GRID_DATA 0.125
    GK_QDOT_IQ1_DATA
    .long   0, 16, 32, 48, 3, 19, 35, 51, 6, 22, 38, 54, 9, 25, 41, 57          // 4480  places of s
    .fill   64, 1, 16                                                           // 4544
    .fill   64, 1, 32                                                           // 4608
    .byte   60, 0, 4, 8, 12, 16, 20, 24                                         // 4672  upper bits to bits 7 .. 4
    .quad   0xf000f000f000f000                                                  // 4680  d
    .byte   12, 44, 24, 56, 0, 0, 0, 0                                          // 4688  its fours, by turns low and high

.macro SETUP
    GK_QDOT_GRID_SETUP
.endm

.macro FACTORS                      // of d in the upper bits of four words
    vmovq   xmm0, qword ptr [N0 + 48]
    vmovq   xmm1, qword ptr [N2 + 48]
    vpinsrq xmm0, xmm0, qword ptr [N1 + 48], 1
    vpinsrq xmm1, xmm1, qword ptr [N3 + 48], 1
    vinserti128 ymm0, ymm0, xmm1, 1
    vpbroadcastq ymm1, qword ptr [DATA + 4688]
    vpandq  ymm0, ymm0, qword ptr [DATA + 4680]{1to4}
    vpmultishiftqb ymm0, ymm1, ymm0
    vpsrld  ymm1, ymm0, 16
    vpor    ymm0, ymm0, ymm1
    vpmovqw xmm0, ymm0
    GK_QDOT_FACTORS_OF_XMM0
.endm

.macro SCALES r, at
    GK_QDOT_ODD16 \r, \at + 48, 4480, 104
.endm

.macro BITS a, b, v0, v1, v2, v3
    GK_QDOT_IQ1_LOAD \a, \b, 32
    vpbroadcastq zmm4, qword ptr [DATA + 4672]
    vpmultishiftqb zmm2, zmm4, zmm2
    vpermb  zmm1, zmm7, zmm2
    vptestmb k1, zmm1, zmm25
    vptestmb k7, zmm1, zmmword ptr [DATA + 4608]
    vptestmb k6, zmm1, zmmword ptr [DATA + 4544]
    GK_QDOT_IQ1_BITS \v0, \v1, \v2, \v3
.endm

.macro LEVELS to, v, side
    GK_QDOT_LEVELS8 \to, \v, \side
.endm

.macro HEAD d
    FACTORS
    GK_QDOT_SCALES16
.endm

.macro BLOCK d
    GK_QDOT_GRID16 \d, 56
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq1_m_4, 56, LANES

#endif
