// gk_qdot_neon_iq2_xxs.h -- rows of IQ2_XXS by one row of x.
//
//   A block is 66 bytes: f16 d; for each group four indices, for 8 weights each, and a word of four signs of 7 bits and
//   s, the upper 4. w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus
//   signs even.

#define FACTOR 0.125
#define SIGNS 32
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 127
.endm

.macro WORDS w
    ldur    q8,  [\w, #2]
    ldur    q10, [\w, #18]
    ldur    q9,  [\w, #34]
    ldur    q11, [\w, #50]
    uzp2    v8.4s, v8.4s, v10.4s
    uzp2    v9.4s, v9.4s, v11.4s
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
    GRID8   ldrb, 1, x1, 2 + 8*\g, x2, 2 + 8*\g
    SIGNED  x16, SIGNS + 4*\g, x16, ROW_BYTES + SIGNS + 4*\g
    PRODUCTS_8 \d, \g
.endm

#endif
