// gk_qdot_avx512vnni_iq4_nl_4 -- rows of IQ4_NL by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 18 bytes: f16 d, then 16 bytes of nibbles, the low halves of them first. w = d level[q].
//
//   zmm24  fifteens     zmm25  shifts 0 | 4     zmm26  where SCALES finds d of two rows     zmm27  levels + 128
//
//   256 of four rows: 181 micro-operations of vectors for three digits, 137 for one. On Ice Lake 94 cycles.
//
// mca: icelake-server 1*94 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_iq4_nl_data
    GK_QDOT_18_DATA
    GK_QDOT_LEVELS_DATA                                             // 64

.macro SETUP
    GK_QDOT_18_SETUP
    GK_QDOT_LEVELS_SETUP 64
.endm

.macro SCALES a, b, room
    GK_QDOT_18_SCALES \a, \b, \room
.endm

.macro STEP h, at, to
    GK_QDOT_NIBBLES \to, \at + 36*\h + 2, \at + 36*\h + 20
    GK_QDOT_LEVELS \to
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS_BETWEEN SIGNED, \d, 144, 7
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_iq4_nl_4, 144, GROUPS

#endif
