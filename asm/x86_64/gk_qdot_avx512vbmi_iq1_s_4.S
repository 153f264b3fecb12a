// gk_qdot_avx512vbmi_iq1_s_4 -- rows of IQ1_S by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; eight words for 32 weights: the upper 3 bits of
//   four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (8 grid +- 1).
//
//   256 of four rows: 334 micro-operations of vectors for three digits, 290 for one. On Ice Lake 234 cycles.
//
// mca: icelake-server 1*234 2

#include "gk_qdot_avx512vbmi_iq1.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq1_s_data
    GK_QDOT_GRID_DATA 0.125
    GK_QDOT_IQ1_DATA
    .byte   1, 17, 1, 17, 5, 21, 5, 21, 9, 25, 9, 25, 13, 29, 13, 29            // 4480  bytes of signs
    .byte   1, 17, 1, 17, 5, 21, 5, 21, 9, 25, 9, 25, 13, 29, 13, 29
    .byte   3, 19, 3, 19, 7, 23, 7, 23, 11, 27, 11, 27, 15, 31, 15, 31
    .byte   3, 19, 3, 19, 7, 23, 7, 23, 11, 27, 11, 27, 15, 31, 15, 31
    .fill   64, 1, 32                                                           // 4544
    .word   0, -1, 8, -1, 1, -1, 9, -1, 2, -1, 10, -1, 3, -1, 11, -1            // 4608  words of two rows by turns
    .word   4, -1, 12, -1, 5, -1, 13, -1, 6, -1, 14, -1, 7, -1, 15, -1
    .byte   59, 62, 1, 4, 11, 14, 17, 20                                        // 4672  upper bits to bits 7 .. 5

.macro SETUP
    GK_QDOT_GRID_SETUP
.endm

.macro SCALES pair, a, b
    vmovdqu xmm0, xmmword ptr [\a + 34]
    vinserti128 ymm0, ymm0, xmmword ptr [\b + 34], 1
    vmovdqa64 zmm1, zmmword ptr [DATA + 4608]
    vpermw  zmm0, zmm1, zmm0
    vpsrlw  zmm0, zmm0, 12
    vpandd  zmm0, zmm0, dword ptr [DATA + 104]{1to16}
    GK_QDOT_ODD32 \pair
.endm

.macro BITS a, b, v0, v1, v2, v3
    GK_QDOT_IQ1_LOAD \a + 2, \b + 2, 32
    vmovdqa64 zmm3, zmmword ptr [DATA + 4480]
    vpbroadcastq zmm4, qword ptr [DATA + 4672]
    vpermb  zmm1, zmm3, zmm1
    vpmultishiftqb zmm2, zmm4, zmm2
    vpermb  zmm2, zmm7, zmm2
    vpmovb2m k1, zmm2
    vptestmb k7, zmm2, zmm25
    vptestmb k6, zmm2, zmmword ptr [DATA + 4544]
    GK_QDOT_IQ1_BITS \v0, \v1, \v2, \v3
.endm

.macro LEVELS to, v, side
    GK_QDOT_LEVELS8 \to, \v, \side
.endm

.macro HEAD d
    GK_QDOT_FACTORS 0
    GK_QDOT_SCALES32
.endm

.macro BLOCK d
    GK_QDOT_GRID32 \d, 50
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq1_s_4, 50, GROUPS

#endif
