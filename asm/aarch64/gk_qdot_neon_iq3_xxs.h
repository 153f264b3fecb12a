// gk_qdot_neon_iq3_xxs.h -- rows of IQ3_XXS by one row of x.
//
//   A block is 98 bytes: f16 d; 64 indices, for 4 weights each; eight words of four signs of 7 bits and s, the upper 4.
//   w = +-d (2 s + 1) / 4 grid, 4 .. 62. The sign of the last of 8 weights makes the number of minus signs even.

#define FACTOR 0.25
#define SIGNS 32
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 127
.endm

.macro WORDS w
    ldur    q8, [\w, #66]
    ldur    q9, [\w, #82]
.endm

.macro HEAD_SCALES r, w
    D_FACTOR \w
    WORDS   \w
    FLOATS_28 \r
.endm

.macro HEAD_INDICES r, w
    WORDS   \w
    SIGNS_28 \r
.endm

.macro STEPS d, g
    GRID4   ldrb, 1, x1, 2 + 8*\g, x2, 2 + 8*\g
    SIGNED  x16, SIGNS + 4*\g, x16, ROW_BYTES + SIGNS + 4*\g
    PRODUCTS_8 \d, \g
.endm

#endif
