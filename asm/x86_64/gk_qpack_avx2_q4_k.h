// gk_qpack_avx2_q4_k.h -- strips of Q4_K by a few rows of x, with AVX-VNNI or without.
//
//   A strip, for each 256 of k: f16 d[8], dmin[8]; four times, for two groups of 32, 288 bytes: [8] words z | sc << 4 |
//   mn << 10 of the first group, then of the second, by turns; four quads of nibbles of each. w = d sc q - dmin mn =
//   s (q - z) + rest.
//
//   x, for a group: float d, d sum X; 4 bytes that are not used; int32 -sum X
//
//   ymm10 .. ymm13  d / 16, 2^19 d, dmin / 1024, 2^13 dmin     ymm14  fifteens
//
//   Integers below 2^23 are floats less 2^23 once they have its exponent: sc 16 + 2^23 times d / 16, less 2^19 d, is s.

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 32, 288, SETUP, GK_QPACK_SIX_BITS_HEAD

.macro CONSTANTS
    .fill   32, 1, 15                                                   //   0
    .fill   8, 4, 15                                                    //  32
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA]
.endm

.macro STEP d
    GK_QPACK_NIBBLE_GROUP \d, 32, 0
    vmovdqu ymm9, ymmword ptr [rsi]
    vpand   ymm3, ymm9, ymmword ptr [DATA + 32]
    GK_QPACK_SIX_BITS_GROUP 64*\d, ymm9, ymm3
    GK_QPACK_NIBBLE_GROUP \d, 160, 32
    vmovdqu ymm9, ymmword ptr [rsi]
    vpsrld  ymm9, ymm9, 16
    vpand   ymm3, ymm9, ymmword ptr [DATA + 32]
    GK_QPACK_SIX_BITS_GROUP 64*\d + 16, ymm9, ymm3
.endm

#endif
