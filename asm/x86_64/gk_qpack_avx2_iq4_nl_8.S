// gk_qpack_avx2_iq4_nl_8 -- strips of IQ4_NL by a few rows of x.                                          AVX2 FMA F16C
//
//   A strip: for two groups of 32, 288 bytes: f16 d[8] of the first and of the second; four quads of nibbles of each.
//   w = d level[q]. Levels, sums, x and registers: gk_qpack_avx2_iq4.h.
//
//   64 of eight rows by one of x: 58 cycles for three digits.
//
// mca: skylake 1*58 1

#include "gk_qpack_avx2_iq4.h"
#ifdef __x86_64__

.macro STEP d
.irp g, 0, 1
    GROUP   \d, 32 + 128*\g, 32*\g, 64*\d + 16*\g
    vcvtph2ps ymm6, xmmword ptr [rsi + 16*\g]
    GK_QPACK_GROUP 64*\d + 16*\g, ymm6
.endr
.endm

GK_QPACK_FUNC gk_qpack_avx2_iq4_nl_8, 0, 288, SETUP

#endif
