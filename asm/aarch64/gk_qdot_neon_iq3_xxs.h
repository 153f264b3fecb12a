// gk_qdot_neon_iq3_xxs.h -- rows of IQ3_XXS by a few rows of x, with dot products or without.
//
//   A block is 98 bytes: f16 d; 64 indices, for 4 weights each; eight words of four signs of 7 bits and s, the upper 4.
//   w = +-d (2 s + 1) / 4 grid, 4 .. 62. The sign of the last of 8 weights makes the number of minus signs even.

#define FACTOR 0.25
#define DEPTH 4
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SCALES_OF w
    D_FACTOR \w
    ldr     q0, [\w, #66]
    ldr     q1, [\w, #82]
    SCALES_28
.endm

.macro FOUR_OF h
    ldr     q8, [x0, #ROW + SIGNS + 16*\h]
    ldr     q9, [x0, #ROW + ROOM + SIGNS + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID4   ldrb, x1, 2 + 32*\h + 2*\i, x2, 2 + 32*\h + 2*\i, 8, \a, \c
    GRID4   ldrb, x1, 3 + 32*\h + 2*\i, x2, 3 + 32*\h + 2*\i, 8, \b, \d
    SIGNED  \a, \b, \c, \d, \index
.endm

#endif
