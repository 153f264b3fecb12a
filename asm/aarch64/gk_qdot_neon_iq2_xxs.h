// gk_qdot_neon_iq2_xxs.h -- rows of IQ2_XXS by a few rows of x, with dot products or without.
//
//   A block is 66 bytes: f16 d; for each group four indices, for 8 weights each, and a word of four signs of 7 bits and
//   s, the upper 4. w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus
//   signs even.

#define FACTOR 0.125
#define DEPTH 4
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SCALES_OF w
    D_FACTOR \w
    GK_QDOT_LOAD \w, 2, 16, 0, 1, 2, 3
    uzp2    v0.4s, v0.4s, v1.4s
    uzp2    v1.4s, v2.4s, v3.4s
    SCALES_28
.endm

.macro FOUR_OF h
    ldr     q8, [x0, #ROW + SIGNS + 16*\h]
    ldr     q9, [x0, #ROW + ROOM + SIGNS + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID8   ldrb, x1, 2 + 32*\h + \i, x2, 2 + 32*\h + \i, 8, \a, \b, \c, \d
    SIGNED  \a, \b, \c, \d, \index
.endm

#endif
