// gk_qdot_neon_iq1_s.h -- rows of IQ1_S by one row of x.
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; for each group a word: three upper bits
//   of four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8.
//
//   scales of a block, for each row: SHIFTS  bytes +-1, one for a group
//
//   v19  words 0, -3, -6, -9, twice

#define FACTOR 0.125
#define SHIFTS  32
#define INDICES 96
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_GRID 7
    GK_QDOT_QUADS 19, 0x0000, 0xfffd, 0xfffa, 0xfff7, 0x0000, 0xfffd, 0xfffa, 0xfff7
.endm

.macro HEAD_SCALES r, w
    D_FACTOR \w
    ldur    q9, [\w, #34]
    ushr    v8.8h, v9.8h, #11
    sshr    v9.8h, v9.8h, #15
    bic     v8.8h, #16
    orr     v9.8h, #1
    orr     v8.8h, #1               // 2 s + 1
    xtn     v9.8b, v9.8h
    str     d9, [x17, #ROW_BYTES*\r + SHIFTS]
    EIGHT_FLOATS \r
.endm

.macro HEAD_INDICES r, w
    FIELDS_3 \w, 34
    INDICES_16 \r, \w, 2, 0
    FIELDS_3 \w, 42
    INDICES_16 \r, \w, 2, 1
.endm

.macro STEPS d, g
    GRID8   ldrh, 2, x16, INDICES + 8*\g, x16, ROW_BYTES + INDICES + 8*\g
    ldr     d28, [x16, #SHIFTS]
    ldr     d30, [x16, #ROW_BYTES + SHIFTS]
    dup     v28.16b, v28.b[\g]
    dup     v30.16b, v30.b[\g]
    add     v24.16b, v24.16b, v28.16b
    add     v25.16b, v25.16b, v28.16b
    add     v26.16b, v26.16b, v30.16b
    add     v27.16b, v27.16b, v30.16b
    PRODUCTS_8 \d, \g
.endm

#endif
