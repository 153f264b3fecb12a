// gk_qdot_neon_iq1_m.h -- rows of IQ1_M by one row of x.
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; for each a nibble, three upper bits and a sign;
//   four words, each of four s of 3 bits and 4 bits of the f16 d. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8.
//
//   scales of a block, for each row: SHIFTS  bytes +-1, one for an index
//
//   v19  words 0, -3, -6, -9, twice

#define FACTOR 0.125
#define SHIFTS  64
#define INDICES 96
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 7
    GK_QDOT_QUADS 19, 0x0000, 0xfffd, 0xfffa, 0xfff7, 0x0000, 0xfffd, 0xfffa, 0xfff7
.endm

.macro HEAD_SCALES r, w
    ldr     x9, [\w, #48]
    lsr     x9, x9, #12
    and     x9, x9, #0x000f000f000f000f
    orr     x9, x9, x9, lsr #12
    orr     x9, x9, x9, lsr #24
    fmov    d14, x9
    fcvt    s14, h14
    fmul    s14, s14, s13
    FIELDS_3 \w, 48
    ODD
    HEAD_FLOATS \r
.endm

.macro NIBBLES r, w, j              // of the j-th 16
    ldr     d9, [\w, #32 + 8*\j]
    movi    v11.16b, #8
    ushr    v10.8b, v9.8b, #4
    zip1    v9.16b, v9.16b, v10.16b
    movi    v10.16b, #1
    cmtst   v11.16b, v9.16b, v11.16b
    orr     v10.16b, v10.16b, v11.16b
    str     q10, [x17, #ROW_BYTES*\r + SHIFTS + 16*\j]
    and     v9.16b, v9.16b, v18.16b
    INDICES_16 \r, \w, 0, \j
.endm

.macro HEAD_INDICES r, w
    NIBBLES \r, \w, 0
    NIBBLES \r, \w, 1
.endm

.macro STEPS d, g
    GRID8   ldrh, 2, x16, INDICES + 8*\g, x16, ROW_BYTES + INDICES + 8*\g
    EACH_OF_8 x16, SHIFTS + 4*\g, x16, ROW_BYTES + SHIFTS + 4*\g
    PAIRS   add
    PRODUCTS_16 \d, \g
.endm

#endif
