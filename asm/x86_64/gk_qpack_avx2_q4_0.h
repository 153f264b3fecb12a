// gk_qpack_avx2_q4_0.h -- strips of Q4_0 by a few rows of x, with AVX-VNNI or without.
//
//   A strip: for two groups of 32, 288 bytes: f16 d[8] of the first and of the second; four quads of nibbles of each.
//   w = d (q - 8).
//
//   x, for a group: float d; int32 -8 sum X
//
//   ymm14  fifteens

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 0, 288, SETUP

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

#endif
