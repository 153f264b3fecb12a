// gk_qdot_neon_iq2_xs.h -- rows of IQ2_XS by a few rows of x, with dot products or without.
//
//   A block is 74 bytes: f16 d; for each 8 weights a word, an index of 9 bits and 7 signs; sixteen s of 4 bits.
//   w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus signs even.

#define FACTOR 0.125
#define SCALES_OF_16
#define DEPTH 4
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro WORDS_16 w, j
    ldr     q0, [\w, #2 + 32*\j]
    ldr     q1, [\w, #18 + 32*\j]
    ushr    v2.8h, v0.8h, #9
    ushr    v3.8h, v1.8h, #9
    bic     v0.8h, #0xfe, lsl #8
    bic     v1.8h, #0xfe, lsl #8
    uzp1    v2.16b, v2.16b, v3.16b
    EVEN_SIGNS 2, 3
    stp     q0, q1, [x16, #INDICES + 32*\j]
    str     q2, [x16, #SIGNS + 16*\j]
.endm

.macro SCALES_OF w
    ODD_16  \w, 66
    WORDS_16 \w, 0
    WORDS_16 \w, 1
.endm

.macro FOUR_OF h
    ldr     q8, [x0, #ROW + SIGNS + 16*\h]
    ldr     q9, [x0, #ROW + ROOM + SIGNS + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID8   ldrh, x0, ROW + INDICES + 32*\h + 2*\i, x0, ROW + ROOM + INDICES + 32*\h + 2*\i, 8, \a, \b, \c, \d
    SIGNED  \a, \b, \c, \d, \index
.endm

#endif
