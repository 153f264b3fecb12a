// gk_qdot_avx512vnni_q2_0_4 -- rows of Q2_0 by one row of x.                                AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 64 is 18 bytes: f16 d, then 64 times 2 bits, low first. w = d (q - 1).
//
//   zmm24  0x000f000f     zmm25  threes     zmm29  where SCALES finds d of two rows     zmm30  ones
//   k1  words 1, 10, 19, 28
//
//   256 of four rows: micro-operations of vectors 14 a step of 64 codes for three digits and 9 for one, and 6 for two
//   rows of scales, 5 besides: 241 and 161.
//   On Zen 4, where those of 512 bits take two cycles of a pipe: 152 cycles and 95 cycles.
//
// mca: znver4 1*152

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q2_0_data
    GK_QDOT_PAIRS_DATA
    .word   0, 0, 9, 9, 18, 18, 27, 27, 1, 1, 10, 10, 19, 19, 28, 28        // 256  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .long   0x000f000f, 0x03030303, 0x01010101                              // 320

.macro SETUP
    GK_QDOT_PAIRS_SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 320]
    vpbroadcastd zmm25, dword ptr [DATA + 324]
    vpbroadcastd zmm30, dword ptr [DATA + 328]
    vmovdqa64 zmm29, zmmword ptr [DATA + 256]
    mov     eax, 0x10080402
    kmovd   k1, eax
.endm

.macro SCALES a, b, room            // row a has words 0, 9, 18, 27; b those one on
    vmovdqu16 zmm0, zmmword ptr [\a]
    vmovdqu16 zmm0 {k1}, zmmword ptr [\b - 2]
    vpermw  zmm0, zmm29, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

.macro CODES d, h, at, keep, also
    vpmovzxbd zmm7, xmmword ptr [\at + 18*\h + 2]   // four codes a lane
    vpslld  zmm0, zmm7, 12
    vpternlogd zmm7, zmm0, zmm24, 0xa8              // two and two: (a | b) & c
    vpslld  zmm0, zmm7, 6
    vpternlogd zmm7, zmm0, zmm25, 0xa8
.if \d == 3
    vpsubb  zmm1, zmm7, zmm30                       // q - 1
.endif
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS_SIGNED \d, 72, 7
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_0_4, 72

#endif
