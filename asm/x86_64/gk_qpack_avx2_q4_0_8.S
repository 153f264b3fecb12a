// gk_qpack_avx2_q4_0_8 -- strips of Q4_0 by a few rows of x.                                              AVX2 FMA F16C
//
//   A strip: for two groups of 32, 288 bytes: f16 d[8] of the first and of the second; four quads of nibbles of each.
//   w = d (q - 8).
//
//   x, for a group: float d; int32 -8 sum X
//
//   ymm14  fifteens
//
//   Sums of 16 bits: eight pairs of products are at most 8 . 2 . 15 . 127 = 30480.
//
//   64 of eight rows by one of x: 46 cycles for three digits.
//
// mca: skylake 1*46 1

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
    .fill   32, 1, 15
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA]
.endm

.macro STEP d
.irp g, 0, 1
    GK_QPACK_NIBBLE_GROUP \d, 32 + 128*\g, 32*\g
    vcvtph2ps ymm6, xmmword ptr [rsi + 16*\g]
    GK_QPACK_START 64*\d + 16*\g
    GK_QPACK_GROUP 64*\d + 16*\g, ymm6
.endr
.endm

GK_QPACK_FUNC gk_qpack_avx2_q4_0_8, 0, 288, SETUP

#endif
