// gk_qdot_avx512vnni_q1_0_4 -- rows of Q1_0 by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 128 is 18 bytes: f16 d, then 128 bits. w = d (2 q - 1).
//
//   zmm24  ones     zmm25  twos     zmm26  where SCALES finds d of two rows     k1  words 1 and 10     k6  bits of 64
//
//   256 of four rows: 128 micro-operations of vectors for three digits, 84 for one. On Ice Lake 86 cycles.
//
// mca: icelake-server 1*86 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q1_0_data
L(data):
    .word   0, 0, 9, 9, 0, 0, 9, 9, 1, 1, 10, 10, 1, 1, 10, 10      //   0  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .byte   1, 1, 1, 1                                              //  64

.macro SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 64]
    vpaddb  zmm25, zmm24, zmm24
    vmovdqa64 zmm26, zmmword ptr [DATA]
    mov     eax, 0x402
    kmovd   k1, eax
.endm

.macro SCALES a, b, room            // row a has words 0, 9; b those one on
    vmovdqu16 ymm0, ymmword ptr [\a]
    vmovdqu16 ymm0 {k1}, ymmword ptr [\b - 2]
    vpermw  zmm0, zmm26, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

.macro STEP h, at, to
    kmovq   k6, qword ptr [\at + 18*(\h/2) + 8*(\h%2) + 2]
    vmovdqu8 zmm\to {k6}{z}, zmm25                  // 2 q
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 36, 0
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q1_0_4, 36, GROUPS

#endif
