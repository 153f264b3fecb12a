// gk_qpack_avx2_iq4_xs.h -- strips of IQ4_XS by a few rows of x, with AVX-VNNI or without.
//
//   A strip, for each 256 of k: f16 d[8]; four times, for two groups of 32, 272 bytes: int8 sc[2][8]; four quads of nibbles of
//   each. w = d sc level[q]. Levels, sums, x and registers: gk_qpack_avx2_iq4.h.
//
//   ymm10  d

#include "gk_qpack_avx2_iq4.h"
#ifdef __x86_64__

#define FORMAT 16, 272, SETUP, GK_QPACK_D, , GK_QPACK_TIMES_D

.macro STEP d
.irp g, 0, 1
    GROUP   \d, 16 + 128*\g, 32*\g, 64*\d + 16*\g
    vpmovsxbd ymm6, qword ptr [rsi + 8*\g]
    vcvtdq2ps ymm6, ymm6
    GK_QPACK_GROUP 64*\d + 16*\g, ymm6
.endr
.endm

#endif
