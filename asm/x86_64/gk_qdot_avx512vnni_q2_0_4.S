// gk_qdot_avx512vnni_q2_0_4 -- rows of Q2_0 by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 64 is 18 bytes: f16 d, then 64 times 2 bits, low first. w = d (q - 1).
//
//   zmm24  0x000f000f     zmm25  threes     zmm26  where SCALES finds d of two rows     k1  words 1, 10, 19, 28
//
//   256 of four rows: 192 micro-operations of vectors for three digits, 148 for one. On Ice Lake 97 cycles.
//
// mca: icelake-server 1*97 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q2_0_data
L(data):
    .word   0, 9, 18, 27, 0, 9, 18, 27, 1, 10, 19, 28, 1, 10, 19, 28        //   0  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .long   0x000f000f, 0x03030303                              //  64

.macro SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 64]
    vpbroadcastd zmm25, dword ptr [DATA + 68]
    vmovdqa64 zmm26, zmmword ptr [DATA]
    mov     eax, 0x10080402
    kmovd   k1, eax
.endm

.macro SCALES a, b, room            // row a has words 0, 9, 18, 27; b those one on
    vmovdqu16 zmm0, zmmword ptr [\a]
    vmovdqu16 zmm0 {k1}, zmmword ptr [\b - 2]
    vpermw  zmm0, zmm26, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

.macro STEP h, at, to
    vpmovzxbd zmm\to, xmmword ptr [\at + 18*\h + 2] // four codes a lane
    vpslld  zmm0, zmm\to, 12
    vpternlogd zmm\to, zmm0, zmm24, 0xa8            // two and two: (a | b) & c
    vpslld  zmm0, zmm\to, 6
    vpternlogd zmm\to, zmm0, zmm25, 0xa8
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 72, 0
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_0_4, 72, GROUPS

#endif
