// gk_qdot_avx512vnni_q4_1_4 -- rows of Q4_1 by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 20 bytes: f16 d, m, then 16 bytes of nibbles, the low halves of them first. w = d q + m
//   = d (q - z) + rest, z = round(-m / d) in 0 .. 15: rest and d (q - z) are 0 wherever w is.
//
//   zmm22, zmm23  16 bytes of two blocks, each twice     zmm24  fifteens     zmm25  shifts 0 | 4     zmm26  where d and m are
//
//   256 of four rows: 180 micro-operations of vectors for three digits, 132 for one. On Ice Lake 113 cycles.
//
// mca: icelake-server 1*113 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q4_1_data
L(data):
    .word   0, 20, 4, 12, 10, 30, 2, 22, 6, 26, 18, 14, 16, 8, 28, 24           //   0  d of the first row, of the second
    .word   1, 21, 5, 13, 11, 31, 3, 23, 7, 27, 19, 15, 17, 9, 29, 25           //      m
    .long   0, 1, 2, 3, 0, 1, 2, 3, 5, 6, 7, 8, 5, 6, 7, 8                      //  64  16 bytes of two blocks, each twice
    .long   7, 8, 9, 10, 7, 8, 9, 10, 12, 13, 14, 15, 12, 13, 14, 15            // 128  in the last 64 of the row
    GK_QDOT_SHIFTS 0, 4, 0, 4                                                   // 192
    .long   0x80000000                                                          // 256
    .float  15.0                                                                // 260

.macro SETUP
    GK_QDOT_NIBBLES_SETUP
    GK_QDOT_HALVES_SETUP
    vmovdqa64 zmm22, zmmword ptr [DATA + 64]
    vmovdqa64 zmm23, zmmword ptr [DATA + 128]
    vmovdqa64 zmm26, zmmword ptr [DATA]
    mov     eax, 0x0842
    kmovd   k1, eax
    mov     eax, 0x0004
    kmovd   k2, eax
    mov     eax, 0x2108
    kmovd   k3, eax
    mov     eax, 0x4210
    kmovd   k4, eax
    mov     eax, 0x1080
    kmovd   k5, eax
.endm

.macro SCALES a, b, room            // row a has double words 0, 5, 10, 15 | 2 | 1, 6, 11; b 3, 8, 13 | 4, 9, 14 | 7, 12
    vmovdqu32 zmm0, zmmword ptr [\a]
    vmovdqu32 zmm0 {k2}, zmmword ptr [\a + 80 - 8]
    vmovdqu32 zmm0 {k1}, zmmword ptr [\a + 100 - 4]
    vmovdqu32 zmm0 {k3}, zmmword ptr [\b - 12]
    vmovdqu32 zmm0 {k4}, zmmword ptr [\b + 60 - 16]
    vmovdqu32 zmm0 {k5}, zmmword ptr [\b + 120 - 28]
    vpermw  zmm0, zmm26, zmm0
    GK_QDOT_HALF_OFFSETS \room, 256, 260
.endm

.macro STEP h, at, to
.if \h < 3
    vpermd  zmm\to, zmm22, zmmword ptr [\at + 40*\h + 4]
.else
    vpermd  zmm\to, zmm23, zmmword ptr [\at + 96]  // up to the last byte
.endif
    vpandd  zmm\to, zmm\to, zmm24
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS UNSIGNED, \d, 160, 0, 192
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q4_1_4, 160, GROUPS

#endif
