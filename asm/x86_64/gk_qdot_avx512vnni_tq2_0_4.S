// gk_qdot_avx512vnni_tq2_0_4 -- rows of TQ2_0 by a few rows of x.                             AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 66 bytes: 64 of codes of 2 bits, 32 of them for four groups; f16 d. w = d (q - 1).
//
//   zmm24  masks of lanes     k1  the second row
//
//   256 of four rows: 114 micro-operations of vectors for three digits, 70 for one. On Ice Lake 67 cycles.
//
// mca: icelake-server 1*67 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_tq2_0_data
L(data):
    GK_QDOT_2BIT_DATA                                               //   0

.macro SETUP
    GK_QDOT_2BIT_SETUP 0
    mov     eax, 0xff00
    kmovd   k1, eax
.endm

.macro SCALES a, b, room
    vpbroadcastw ymm0, word ptr [\a + 64]
    vpbroadcastw ymm0 {k1}, word ptr [\b + 64]
    GK_QDOT_HALF_SCALES \room
.endm

.macro CODES at
    GK_QDOT_2BIT \at, 0
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 66, 0, 0
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_tq2_0_4, 66, GROUPS

#endif
