// gk_qdot_neon_grid.h -- what rows of IQ codes by one row of x have in common.
//
//   An index stands for 8 or 4 weights, a row of the grid: as many bytes of the codebook. Indices are words of 16 bits
//   that HEAD leaves beside the scales, or bytes of the block.
//
//   scales of a block, for each row:  0 float s[8], or s[16]; SIGNS or SHIFTS, and INDICES of the format
//
//   v6    bytes 1 << 0 .. 1 << 7, twice          v8 .. v11  to make scales, signs and indices, and rows of 4
//   v13   FACTOR                                 v14        d FACTOR
//   v15   0x4b40: above a byte n it makes        v16, v17   bytes 0 and 1, and 2 and 3, each eight times
//         the float 1.5 * 2^23 + n               v18        the bits of a field
//   x14   codebook                               v19        of the format
//
//   w = d (2 s + 1) FACTOR code: the product of all but the code is exact, in any order. |code| <= 62.
//
//   Budgets of Cortex-A53 count the two loads of an index: they come before the products.
//
//   The format has HEAD_SCALES and HEAD_INDICES r, w: of the block at \w, a row; and STEPS d, g: group g of both rows.

#define ROW_BYTES 160
#define GK_QDOT_SET 2*ROW_BYTES
#define BIAS 0
#include "gk_qdot_neon_16.h"
#ifdef __aarch64__

.macro SETUP_GRID field
    SETUP_16
    GK_QDOT_QUADS 6, 0x0201, 0x0804, 0x2010, 0x8040, 0x0201, 0x0804, 0x2010, 0x8040
    GK_QDOT_QUADS 16, 0, 0, 0, 0, 0x0101, 0x0101, 0x0101, 0x0101
    movi    v17.16b, #2
    fmov    s13, #FACTOR
    add     v17.16b, v17.16b, v16.16b
    movi    v18.16b, #\field
    ldr     x14, [x0, #72]
.endm

// ---- scales ----------------------------------------------------------------------

.macro D_FACTOR w                   // from the f16 that opens a block
    ldr     h14, [\w]
    fcvt    s14, h14
    fmul    s14, s14, s13
.endm

.macro ODD                          // v8 = 2 v9 + 1
    movi    v8.16b, #1
    sli     v8.16b, v9.16b, #1
.endm

.macro ODD_NIBBLES d, w, at         // v8 = 2 s + 1, s nibbles at \at: eight, with \d = s, or 16, with \d = d
    ldur    \d\()8, [\w, #\at]
    ushr    v9.16b, v8.16b, #4
    and     v8.16b, v8.16b, v18.16b
    zip1    v9.16b, v8.16b, v9.16b
    ODD
.endm

.macro EIGHT_FLOATS r               // eight scales, from 2 s + 1 in words in v8
    zip2    v9.8h, v8.8h, v15.8h
    zip1    v8.8h, v8.8h, v15.8h
    fsub    v9.4s, v9.4s, v7.4s
    fsub    v8.4s, v8.4s, v7.4s
    fmul    v9.4s, v9.4s, v14.s[0]
    fmul    v8.4s, v8.4s, v14.s[0]
    stp     q8, q9, [x17, #ROW_BYTES*\r]
.endm

.macro FIELDS_3 w, at               // v9 = sixteen fields of 3 bits, of four words at \at; v19: 0, -3, -6, -9, twice
    ldur    d9, [\w, #\at]
    zip1    v9.8h, v9.8h, v9.8h
    zip1    v10.4s, v9.4s, v9.4s
    zip2    v11.4s, v9.4s, v9.4s
    ushl    v10.8h, v10.8h, v19.8h
    ushl    v11.8h, v11.8h, v19.8h
    uzp1    v9.16b, v10.16b, v11.16b
    and     v9.16b, v9.16b, v18.16b
.endm

.macro INDICES_16 r, w, at, j       // the j-th 16, of lower bytes at \at and upper ones in v9
    ldur    q8, [\w, #\at + 16*\j]
    zip1    v10.16b, v8.16b, v9.16b
    zip2    v11.16b, v8.16b, v9.16b
    stp     q10, q11, [x17, #ROW_BYTES*\r + INDICES + 32*\j]
.endm

// ---- signs -----------------------------------------------------------------------

.macro EVEN_SIGNS v, free           // bit 7 of a byte makes its number of ones even
    cnt     v\free\().16b, v\v\().16b
    sli     v\v\().16b, v\free\().16b, #7
.endm

.macro FLOATS_28 r                  // eight scales, from words of four signs of 7 bits and s in v8, v9
    ushr    v8.4s, v8.4s, #27
    ushr    v9.4s, v9.4s, #27
    orr     v8.4s, #1               // 2 s + 1
    orr     v9.4s, #1
    scvtf   v8.4s, v8.4s
    scvtf   v9.4s, v9.4s
    fmul    v8.4s, v8.4s, v14.s[0]
    fmul    v9.4s, v9.4s, v14.s[0]
    stp     q8, q9, [x17, #ROW_BYTES*\r]
.endm

.macro SIGNS_28 r                   // and their signs: 14 bits in words, then 7 in bytes
    ushr    v10.4s, v8.4s, #14
    ushr    v11.4s, v9.4s, #14
    sli     v8.4s, v10.4s, #16
    sli     v9.4s, v11.4s, #16
    ushr    v10.8h, v8.8h, #7
    ushr    v11.8h, v9.8h, #7
    sli     v8.8h, v10.8h, #8
    sli     v9.8h, v11.8h, #8
    and     v8.16b, v8.16b, v18.16b
    and     v9.16b, v9.16b, v18.16b
    EVEN_SIGNS 8, 10
    EVEN_SIGNS 9, 11
    stp     q8, q9, [x17, #ROW_BYTES*\r + SIGNS]
.endm

.macro EACH_OF_8 w0, at0, w1, at1   // v28 .. v31 = four bytes of each row, each eight times
    ldur    s29, [\w0, #\at0]
    ldur    s31, [\w1, #\at1]
    tbl     v28.16b, {v29.16b}, v16.16b
    tbl     v30.16b, {v31.16b}, v16.16b
    tbl     v29.16b, {v29.16b}, v17.16b
    tbl     v31.16b, {v31.16b}, v17.16b
.endm

.macro PAIRS op                     // each code = \op of it and of v28 .. v31
    \op     v24.16b, v24.16b, v28.16b
    \op     v25.16b, v25.16b, v29.16b
    \op     v26.16b, v26.16b, v30.16b
    \op     v27.16b, v27.16b, v31.16b
.endm

.macro SIGNED w0, at0, w1, at1      // -code where a bit is set, 32 bits of each row
    EACH_OF_8 \w0, \at0, \w1, \at1
    GK_QDOT_ALL cmtst, SUMS, SUMS, v6.16b
    PAIRS   eor
    PAIRS   sub
.endm

// ---- rows of the grid ------------------------------------------------------------

.macro FOUR size, shift, d0, d1, d2, d3, load, step, w, at      // the low bytes of each of \d = a row
    \load   w9,  [\w, #\at]
    \load   w10, [\w, #\at + \step]
    \load   w11, [\w, #\at + 2*\step]
    \load   w12, [\w, #\at + 3*\step]
    ldr     \size\d0, [x14, x9, lsl #\shift]
    ldr     \size\d1, [x14, x10, lsl #\shift]
    ldr     \size\d2, [x14, x11, lsl #\shift]
    ldr     \size\d3, [x14, x12, lsl #\shift]
.endm

.macro JOIN lanes, d0, d1, d2, d3, n0, n1, n2, n3   // each of \d = the first lane of it and of \n
    trn1    v\d0\().\lanes, v\d0\().\lanes, v\n0\().\lanes
    trn1    v\d1\().\lanes, v\d1\().\lanes, v\n1\().\lanes
    trn1    v\d2\().\lanes, v\d2\().\lanes, v\n2\().\lanes
    trn1    v\d3\().\lanes, v\d3\().\lanes, v\n3\().\lanes
.endm

.macro GRID4 load, step, w0, at0, w1, at1   // 32 codes of both rows, from eight indices of each
    FOUR    s, 2, 24, 28, 22, 8,  \load, \step, \w0, \at0
    FOUR    s, 2, 25, 29, 23, 9,  \load, \step, \w0, \at0 + 4*\step
    FOUR    s, 2, 26, 30, 4,  10, \load, \step, \w1, \at1
    FOUR    s, 2, 27, 31, 5,  11, \load, \step, \w1, \at1 + 4*\step
    JOIN    2s, CODES, SUMS
    JOIN    2s, 22, 23, 4, 5, 8, 9, 10, 11
    JOIN    2d, CODES, 22, 23, 4, 5
.endm

.macro GRID8 load, step, w0, at0, w1, at1   // from four indices of each
    FOUR    d, 3, 24, 28, 25, 29, \load, \step, \w0, \at0
    FOUR    d, 3, 26, 30, 27, 31, \load, \step, \w1, \at1
    JOIN    2d, CODES, SUMS
.endm

// ---- a block ---------------------------------------------------------------------

.macro PRODUCTS_8 d, g              // of a group with one scale
.if \g % 4 == 0
    GK_QDOT_SCALES \d, \g / 4, ROW_BYTES
.endif
    GK_QDOT_DOT \d, 32*\g
    GK_QDOT_FMA \g & 3, \g & 3
.endm

.macro PRODUCTS_16 d, g             // with two
.if \g % 2 == 0
    SCALES  \d, \g / 2
.endif
    PRODUCTS_OF \d, \g, 2*(\g & 1)
.endm

.macro HEAD d
    HEAD_SCALES 0, x5
    HEAD_INDICES 0, x5
    HEAD_SCALES 1, x6
    HEAD_INDICES 1, x6
.endm

.macro BLOCK d
    GK_QDOT_AHEAD x1, 3
    STEPS   \d, 0
    STEPS   \d, 1
    HEAD_SCALES 0, x5
    STEPS   \d, 2
    STEPS   \d, 3
    HEAD_INDICES 0, x5
    GK_QDOT_AHEAD x2, 3
    STEPS   \d, 4
    STEPS   \d, 5
    HEAD_SCALES 1, x6
    STEPS   \d, 6
    STEPS   \d, 7
    HEAD_INDICES 1, x6
.endm

#endif
