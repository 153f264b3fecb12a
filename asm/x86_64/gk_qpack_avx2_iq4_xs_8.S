// gk_qpack_avx2_iq4_xs_8 -- strips of IQ4_XS by a few rows of x.                                          AVX2 FMA F16C
//
//   A strip, for each 256 of k: f16 d[8]; four times, for two groups of 32, 272 bytes: int8 sc[2][8]; four quads of nibbles of
//   each. w = d sc level[q]. Levels, sums, x and registers: gk_qpack_avx2_iq4.h.
//
//   ymm10  d
//
//   64 of eight rows by one of x: 59 cycles for three digits.
//
// mca: skylake 1*59 1

#include "gk_qpack_avx2_iq4.h"
#ifdef __x86_64__

.macro HEAD
    vcvtph2ps ymm10, xmmword ptr [rsi]
.endm

.macro FOLD
    vmulps  ymm15, ymm15, ymm10
.endm

.macro STEP d
.irp g, 0, 1
    GROUP   \d, 16 + 128*\g, 32*\g, 64*\d + 16*\g
    vpmovsxbd ymm6, qword ptr [rsi + 8*\g]
    vcvtdq2ps ymm6, ymm6
    GK_QPACK_GROUP 64*\d + 16*\g, ymm6
.endr
.endm

GK_QPACK_FUNC gk_qpack_avx2_iq4_xs_8, 16, 272, SETUP, HEAD, , FOLD

#endif
