// gk_qdot_avx512vnni_q5_1_4 -- rows of Q5_1 by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 24 bytes: f16 d, m, 32 fifth bits, 16 bytes of nibbles, the low halves of them first. w = d q + m
//   = d (q - z) + rest, z = round(-m / d) in 0 .. 31: rest and d (q - z) are 0 wherever w is.
//
//   zmm24  fifteens     zmm25  shifts 0 | 4     zmm26  where SCALES finds d and m of two rows     zmm27  sixteens
//
//   256 of four rows: 208 micro-operations of vectors for three digits, 160 for one. On Ice Lake 117 cycles.
//
// mca: icelake-server 1*117 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q5_1_data
L(data):
    .word   0, 24, 14, 8, 12, 2, 26, 20, 4, 28, 18, 10, 16, 6, 30, 22           //   0  d of the first row, of the second
    .word   1, 25, 15, 9, 13, 3, 27, 21, 5, 29, 19, 11, 17, 7, 31, 23           //      m
    .long   0x80000000                                                          //  64
    .float  31.0                                                                //  68
    .byte   16, 16, 16, 16                                                      //  72

.macro SETUP
    GK_QDOT_NIBBLES_SETUP
    vmovdqa64 zmm26, zmmword ptr [DATA]
    vpbroadcastd zmm27, dword ptr [DATA + 72]
    mov     eax, 0x2082
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
    mov     eax, 0x0410
    kmovd   k4, eax
    kaddd   k5, k4, k4
.endm

.macro SCALES a, b, room            // row a has double words 0, 6, 12 | 1, 7, 13 | 4, 10; b 2, 8, 14 | 3, 9, 15 | 5, 11
    vmovdqu32 zmm0, zmmword ptr [\a]
    vmovdqu32 zmm0 {k1}, zmmword ptr [\a + 72 - 4]
    vmovdqu32 zmm0 {k2}, zmmword ptr [\b - 8]
    vmovdqu32 zmm0 {k3}, zmmword ptr [\b + 72 - 12]
    vmovdqu32 zmm0 {k4}, zmmword ptr [\a + 144 - 16]
    vmovdqu32 zmm0 {k5}, zmmword ptr [\b + 144 - 20]
    vpermw  zmm0, zmm26, zmm0
    GK_QDOT_HALF_OFFSETS \room, 64, 68
.endm

.macro STEP h, at, to
    GK_QDOT_NIBBLES \to, \at + 48*\h + 8, \at + 48*\h + 32
    GK_QDOT_FIFTH \to, \at + 48*\h + 4, \at + 48*\h + 28
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS UNSIGNED, \d, 192
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q5_1_4, 192, GROUPS

#endif
