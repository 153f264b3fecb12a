// gk_qdot_avx2_iq3_xxs.h -- rows of IQ3_XXS by one row of x, with AVX-VNNI or without.
//
//   A block is 98 bytes: f16 d; 64 indices, for 4 weights each; eight words of four signs of 7 bits and s, the upper 4.
//   w = +-d (2 s + 1) / 4 grid, 4 .. 62. The sign of the last of 8 weights makes the number of minus signs even.

#define SIGNED_CODES
#define SIGNS 32
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.25
    CONSTANTS_28
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro ROW_HEAD r, at
    vmovdqu ymm0, ymmword ptr [\at + 66]
    SCALES_28 \r, \at
.endm

.macro STEP d, g, r, at, acc
    GRID4   byte, \at + 2 + 8*\g, 1
    SIGNED  \d, r9 + 160*\r + SIGNS + 4*\g
    GK_QDOT_DOT_S \d, known
    GK_QDOT_ADD \acc, 160*\r+4*\g
.endm

#endif
