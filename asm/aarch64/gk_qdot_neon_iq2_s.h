// gk_qdot_neon_iq2_s.h -- rows of IQ2_S by one row of x.
//
//   A block is 82 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; 256 signs; bits 8 and 9 of indices;
//   sixteen s of 4 bits. w = +-d (2 s + 1) / 8 grid, 8 .. 43.
//
//   v19  bytes 6, 4, 2, 0, four times

#define FACTOR 0.125
#define INDICES 96
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 15
    GK_QDOT_QUADS 19, 0x0406, 0x0002, 0x0406, 0x0002, 0x0406, 0x0002, 0x0406, 0x0002
.endm

.macro HEAD_SCALES r, w
    D_FACTOR \w
    ODD_NIBBLES d, \w, 74
    HEAD_FLOATS \r
.endm

.macro UPPER r, w, j                // bits 8 and 9 of the j-th 16
    ldur    s9, [\w, #66 + 4*\j]
    zip1    v9.16b, v9.16b, v9.16b
    zip1    v9.8h, v9.8h, v9.8h
    ushl    v9.16b, v9.16b, v19.16b
    ushr    v9.16b, v9.16b, #6
    INDICES_16 \r, \w, 2, \j
.endm

.macro HEAD_INDICES r, w
    UPPER   \r, \w, 0
    UPPER   \r, \w, 1
.endm

.macro STEPS d, g
    GRID8   ldrh, 2, x16, INDICES + 8*\g, x16, ROW_BYTES + INDICES + 8*\g
    SIGNED  x1, 34 + 4*\g, x2, 34 + 4*\g
    PRODUCTS_16 \d, \g
.endm

#endif
