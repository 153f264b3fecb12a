// gk_qdot_avx512vnni_q5_0_4 -- rows of Q5_0 by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 22 bytes: f16 d, 32 fifth bits, 16 bytes of nibbles, the low halves of them first. w = d (q - 16).
//
//   zmm24  fifteens     zmm25  shifts 0 | 4     zmm26  where SCALES finds d of two rows     zmm27  sixteens
//
//   256 of four rows: 185 micro-operations of vectors for three digits, 141 for one. On Ice Lake 97 cycles.
//
// mca: icelake-server 1*97 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q5_0_data
L(data):
    .word   0, 22, 12, 17, 11, 1, 23, 28, 2, 24, 14, 18, 13, 3, 25, 29          //   0  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .byte   16, 16, 16, 16                                                      //  64

.macro SETUP
    GK_QDOT_NIBBLES_SETUP
    vmovdqa64 zmm26, zmmword ptr [DATA]
    vpbroadcastd zmm27, dword ptr [DATA + 64]
    mov     eax, 0x00801002
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
    mov     eax, 0x10020000
    kmovd   k4, eax
    kaddd   k5, k4, k4
.endm

.macro SCALES a, b, room            // row a has words 0, 11, 22 | 1, 12, 23 | 17, 28; b 2, 13, 24 | 3, 14, 25 | 18, 29
    vmovdqu16 zmm0, zmmword ptr [\a]
    vmovdqu16 zmm0 {k1}, zmmword ptr [\a + 66 - 2]
    vmovdqu16 zmm0 {k2}, zmmword ptr [\b - 4]
    vmovdqu16 zmm0 {k3}, zmmword ptr [\b + 66 - 6]
    vmovdqu16 zmm0 {k4}, zmmword ptr [\a + 132 - 34]
    vmovdqu16 zmm0 {k5}, zmmword ptr [\b + 132 - 36]
    vpermw  zmm0, zmm26, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

.macro STEP h, at, to
    GK_QDOT_NIBBLES \to, \at + 44*\h + 6, \at + 44*\h + 28
    GK_QDOT_FIFTH \to, \at + 44*\h + 2, \at + 44*\h + 24
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS_BETWEEN SIGNED, \d, 176, 4
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q5_0_4, 176, GROUPS

#endif
