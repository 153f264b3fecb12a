// gk_qdot_avx512vnni_q4_k_4 -- rows of Q4_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 144 bytes: f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes; 128 bytes of nibbles, 32 of them the low
//   halves of a group and the high halves of the next. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc)
//   in 0 .. 15: rest and s (q - z) are 0 wherever w is.
//
//   zmm22, zmm23, zmm25, zmm26  quads 0 .. 3 of lanes     zmm24  masks of low halves, and of high ones, which stay where they are
//
//   256 of four rows: 157 micro-operations of vectors for three digits, 109 for one. On Ice Lake 99 cycles.
//
// mca: icelake-server 1*99 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q4_k_data
    GK_QDOT_6BIT_DATA 15.0
    .balign 64
    .long   0, 8, 16, 24, 4, 12, 20, 28, 0, 8, 16, 24, 4, 12, 20, 28           // 704  quads 0
    .long   1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1                     // 768
    .fill   8, 4, 0x0f0f0f0f                                                   // 1024 low halves, then high halves
    .fill   8, 4, 0xf0f0f0f0
    GK_QDOT_SHIFTS 0, 0, 4, 4                                                  //  896

.macro SETUP
    GK_QDOT_6BIT_SETUP
    vmovdqa64 zmm0, zmmword ptr [DATA + 768]
    vmovdqa64 zmm22, zmmword ptr [DATA + 704]
    vpaddd  zmm23, zmm22, zmm0
    vpaddd  zmm25, zmm23, zmm0
    vpaddd  zmm26, zmm25, zmm0
    vmovdqa64 zmm24, zmmword ptr [DATA + 832]
.endm

.macro QUAD h, to, lanes            // quads h of the halves of 32 bytes: q, then 16 q
    vmovdqa64 zmm\to, \lanes
    vpermi2d zmm\to, zmm0, zmm1
    vpandd  zmm\to, zmm\to, zmm24
.endm

.macro CODES at
    vmovdqu64 zmm0, zmmword ptr [\at + 16]
    vmovdqu64 zmm1, zmmword ptr [\at + 80]
    QUAD    0, 4, zmm22
    QUAD    1, 5, zmm23
    QUAD    2, 6, zmm25
    QUAD    3, 7, zmm26
.endm

.macro HEAD d
.endm

.macro BLOCK d
    GK_QDOT_6BIT \d, 144, 896
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q4_k_4, 144, GROUPS

#endif
