// gk_qdot_avx512vnni_q5_k_4 -- rows of Q5_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 176 bytes: f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes; 32 bytes of fifth bits, bit g for group g;
//   128 bytes of nibbles, 32 of them the low halves of a group and the high halves of the next. w = d sc q - dmin mn
//   = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 31: rest and s (q - z) are 0 wherever w is.
//
//   zmm22, zmm23, zmm26, zmm27  quads 0 .. 3 of lanes     zmm24  fifteens     zmm25  sixteens
//
//   256 of four rows: 217 micro-operations of vectors for three digits, 169 for one. On Ice Lake 117 cycles.
//
// mca: icelake-server 1*117 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q5_k_data
    GK_QDOT_6BIT_DATA 31.0
    .long   0x0f0f0f0f                                              // 664
    .byte   16, 16, 16, 16                                          // 668
    .balign 64
.irp q, 0, 1, 2, 3                                                  // 704  quads of lanes
    .long   \q, \q + 8, \q + 16, \q + 24, \q + 4, \q + 12, \q + 20, \q + 28
    .long   \q, \q + 8, \q + 16, \q + 24, \q + 4, \q + 12, \q + 20, \q + 28
.endr
    .long   28, 30, 0, 2, 28, 30, 0, 2, 29, 31, 1, 3, 29, 31, 1, 3  // 960  rotations that take fifth bits to 4
    .fill   8, 4, 0                                                 // 1024 shifts of halves
    .fill   8, 4, 4

.macro SETUP
    GK_QDOT_6BIT_SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 664]
    vpbroadcastd zmm25, dword ptr [DATA + 668]
    vmovdqa64 zmm22, zmmword ptr [DATA + 704]
    vmovdqa64 zmm23, zmmword ptr [DATA + 768]
    vmovdqa64 zmm26, zmmword ptr [DATA + 832]
    vmovdqa64 zmm27, zmmword ptr [DATA + 896]
.endm

.macro QUAD q, to, lanes            // a quad of lanes
    vmovdqa64 \to, \lanes
    vpermi2d \to, zmm0, zmm1
    vpshufd zmm3, zmm2, 0x55*\q
    vpsrlvd \to, \to, zmmword ptr [DATA + 1024]
    vprorvd zmm3, zmm3, zmmword ptr [DATA + 960]
    vpandd  \to, \to, zmm24
    vpternlogd \to, zmm3, zmm25, 0xf8               // q = low | high & 16
.endm

.macro CODES at
    vmovdqu64 zmm0, zmmword ptr [\at + 48]
    vmovdqu64 zmm1, zmmword ptr [\at + 112]
    vbroadcasti64x4 zmm2, ymmword ptr [\at + 16]
    QUAD    0, zmm4, zmm22
    QUAD    1, zmm5, zmm23
    QUAD    2, zmm6, zmm26
    QUAD    3, zmm7, zmm27
.endm

.macro HEAD d
.endm

.macro BLOCK d
    GK_QDOT_6BIT \d, 176
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q5_k_4, 176, GROUPS

#endif
