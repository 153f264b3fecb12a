// gk_qdot_neon_iq3_s.h -- rows of IQ3_S by one row of x.
//
//   A block is 110 bytes: f16 d; 64 lower bytes of indices, for 4 weights each; their ninth bits; 256 signs; eight s of
//   4 bits. w = +-d (2 s + 1) grid, 1 .. 15.

#define FACTOR 1.0
#define INDICES 32
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 15
.endm

.macro HEAD_SCALES r, w
    D_FACTOR \w
    ODD_NIBBLES s, \w, 106
    ushll   v8.8h, v8.8b, #0
    EIGHT_FLOATS \r
.endm

.macro NINTHS r, w, j               // of the j-th 16
    ldur    h9, [\w, #66 + 2*\j]
    tbl     v9.16b, {v9.16b}, v16.16b
    cmtst   v9.16b, v9.16b, v6.16b
    ushr    v9.16b, v9.16b, #7
    INDICES_16 \r, \w, 2, \j
.endm

.macro HEAD_INDICES r, w
    NINTHS  \r, \w, 0
    NINTHS  \r, \w, 1
    NINTHS  \r, \w, 2
    NINTHS  \r, \w, 3
.endm

.macro STEPS d, g
    GRID4   ldrh, 2, x16, INDICES + 16*\g, x16, ROW_BYTES + INDICES + 16*\g
    SIGNED  x1, 74 + 4*\g, x2, 74 + 4*\g
    PRODUCTS_8 \d, \g
.endm

#endif
