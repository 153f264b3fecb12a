// gk_qpack_avx2_iq4_nl.h -- strips of IQ4_NL by a few rows of x, with AVX-VNNI or without.
//
//   A strip: for two groups of 32, 288 bytes: f16 d[8] of the first and of the second; four quads of nibbles of each.
//   w = d level[q]. Levels, sums, x and registers: gk_qpack_avx2_iq4.h.

#include "gk_qpack_avx2_iq4.h"
#ifdef __x86_64__

#define FORMAT 0, 288, SETUP

.macro STEP d
.irp g, 0, 1
    GROUP   \d, 32 + 128*\g, 32*\g, 64*\d + 16*\g
    vcvtph2ps ymm6, xmmword ptr [rsi + 16*\g]
    GK_QPACK_GROUP 64*\d + 16*\g, ymm6
.endr
.endm

#endif
