// gk_qdot_neon_iq2_xs.h -- rows of IQ2_XS by one row of x.
//
//   A block is 74 bytes: f16 d; for each 8 weights a word, an index of 9 bits and 7 signs; sixteen s of 4 bits.
//   w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus signs even.

#define FACTOR 0.125
#define SIGNS   64
#define INDICES 96
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 15
.endm

.macro HEAD_SCALES r, w
    D_FACTOR \w
    ODD_NIBBLES d, \w, 66
    HEAD_FLOATS \r
.endm

.macro WORDS r, w, j                // 16 of them
    ldur    q8, [\w, #2 + 32*\j]
    ldur    q9, [\w, #18 + 32*\j]
    ushr    v10.8h, v8.8h, #9
    ushr    v11.8h, v9.8h, #9
    bic     v8.8h, #0xfe, lsl #8
    bic     v9.8h, #0xfe, lsl #8
    uzp1    v10.16b, v10.16b, v11.16b
    EVEN_SIGNS 10, 11
    stp     q8, q9, [x17, #ROW_BYTES*\r + INDICES + 32*\j]
    str     q10, [x17, #ROW_BYTES*\r + SIGNS + 16*\j]
.endm

.macro HEAD_INDICES r, w
    WORDS   \r, \w, 0
    WORDS   \r, \w, 1
.endm

.macro STEPS d, g
    GRID8   ldrh, 2, x16, INDICES + 8*\g, x16, ROW_BYTES + INDICES + 8*\g
    SIGNED  x16, SIGNS + 4*\g, x16, ROW_BYTES + SIGNS + 4*\g
    PRODUCTS_16 \d, \g
.endm

#endif
