// gk_qdot_avx512vnni_q4_0_4 -- rows of Q4_0 by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 18 bytes: f16 d, then 16 bytes of nibbles, the low halves of them first. w = d (q - 8).
//
//   zmm24  fifteens     zmm25  shifts 0 | 4     zmm26  where SCALES finds d of two rows
//
//   256 of four rows: 153 micro-operations of vectors for three digits, 109 for one. On Ice Lake 82 cycles.
//
// mca: icelake-server 1*82 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q4_0_data
    GK_QDOT_18_DATA
    GK_QDOT_SHIFTS 0, 4, 0, 4                                                  // 64

.macro SETUP
    GK_QDOT_18_SETUP
    GK_QDOT_HALVES_SETUP
.endm

.macro SCALES a, b, room
    GK_QDOT_18_SCALES \a, \b, \room
.endm

.macro STEP h, at, to
    GK_QDOT_TWICE \to, \at + 36*\h + 2, \at + 36*\h + 20
    vpandd  zmm\to, zmm\to, zmm24
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS_BETWEEN SIGNED, \d, 144, 3, 64
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q4_0_4, 144, GROUPS

#endif
