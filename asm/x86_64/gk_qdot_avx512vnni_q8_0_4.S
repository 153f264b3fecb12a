// gk_qdot_avx512vnni_q8_0_4 -- rows of Q8_0 by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 34 bytes: f16 d, then 32 of int8. w = d q. Words that a mask leaves out are not read.
//
//   zmm24  bytes of 128     zmm25  where SCALES finds d of two rows     k1 .. k7  words n and n + 17
//
//   256 of four rows: 157 micro-operations of vectors for three digits, 113 for one. On Ice Lake 81 cycles.
//
// mca: icelake-server 1*81 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q8_0_data
L(data):
    .word   0, 2, 4, 6, 17, 19, 21, 23, 1, 3, 5, 7, 18, 20, 22, 24  //   0  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .long   0x80808080                                              //  64

.macro SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 64]
    vmovdqa64 zmm25, zmmword ptr [DATA]
    mov     eax, 0x00040002
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
    kaddd   k4, k3, k3
    kaddd   k5, k4, k4
    kaddd   k6, k5, k5
    kaddd   k7, k6, k6
.endm

.macro SCALES a, b, room            // row a has words 2j, 2j + 17 for blocks 2j, 2j + 1; b those one on
    vmovdqu16 zmm0, zmmword ptr [\a]
    vmovdqu16 zmm0 {k1}, zmmword ptr [\b - 2]
    vmovdqu16 zmm0 {k2}, zmmword ptr [\a + 64]
    vmovdqu16 zmm0 {k3}, zmmword ptr [\b + 64 - 2]
    vmovdqu16 zmm0 {k4}, zmmword ptr [\a + 128]
    vmovdqu16 zmm0 {k5}, zmmword ptr [\b + 128 - 2]
    vmovdqu16 zmm0 {k6}, zmmword ptr [\a + 192]
    vmovdqu16 zmm0 {k7}, zmmword ptr [\b + 192 - 2]
    vpermw  zmm0, zmm25, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

.macro STEP h, at, to
    vmovdqu ymm\to, ymmword ptr [\at + 68*\h + 2]
    vinserti64x4 zmm\to, zmm\to, ymmword ptr [\at + 68*\h + 36], 1
    vpxord  zmm\to, zmm\to, zmm24                   // q + 128
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 272, 7
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q8_0_4, 272, GROUPS

#endif
