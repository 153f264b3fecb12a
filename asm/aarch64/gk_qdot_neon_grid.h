// gk_qdot_neon_grid.h -- what rows of IQ codes by a few rows of x have in common, with dot products or without.
//
//   An index stands for 8 or 4 weights, a row of the grid: as many bytes of the codebook. Indices are words, at INDICES of the
//   room of the row, or bytes of the block.
//
//   x14  codebook     x16  the room of a row     v8, v9  signs of four groups, or what the sign of an index does, of a row
//
//   w = d (2 s + 1) FACTOR code: the product of all but the code is exact, in any order. |code| <= 62.
//
//   The format has SCALES_OF w: of the block at \w, to the room at x16; FOUR_OF h: v8 and v9; and EIGHT h, i, a, b, c, d, index:
//   quads 2 i and 2 i + 1 of half h of groups, of row 0 to \a and \b, of row 1 to \c and \d.

#define BOTH_ROWS
#define INDICES 192
#define SIGNS 320                   // for 32 bytes
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_bits.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_BITS
    ldr     x14, [x0, #72]
.endm

.macro SCALES
    add     x16, x0, #ROW
    SCALES_OF x1
    add     x16, x0, #ROW + ROOM
    SCALES_OF x2
.endm

// ---- scales ----------------------------------------------------------------------

.macro D_FACTOR w                   // v8 = d FACTOR, from the f16 that opens a block
    ldr     h8, [\w]
    fmov    s9, #FACTOR
    fcvt    s8, h8
    fmul    s8, s8, s9
.endm

.macro ODD v                        // words 2 v + 1
    add     v\v\().8h, v\v\().8h, v\v\().8h
    orr     v\v\().8h, #1
.endm

.macro FLOATS v, next, at           // eight scales, from 2 s + 1 in words
    movi    v9.8h, #0x4b, lsl #8
    orr     v9.8h, #0x40
    zip2    v\next\().8h, v\v\().8h, v9.8h
    zip1    v\v\().8h, v\v\().8h, v9.8h
    movi    v9.4s, #0x4b, lsl #24
    orr     v9.4s, #0x40, lsl #16
    fsub    v\next\().4s, v\next\().4s, v9.4s
    fsub    v\v\().4s, v\v\().4s, v9.4s
    fmul    v\next\().4s, v\next\().4s, v8.s[0]
    fmul    v\v\().4s, v\v\().4s, v8.s[0]
    stp     q\v, q\next, [x16, #\at]
.endm

.macro ODD_16 w, at                 // of 16: sixteen nibbles at \at
    D_FACTOR \w
    ldr     d2, [\w, #\at]
    movi    v0.8b, #15
    and     v0.8b, v2.8b, v0.8b
    ushr    v2.8b, v2.8b, #4
    ushll   v0.8h, v0.8b, #0
    ushll   v2.8h, v2.8b, #0
    ODD     0
    ODD     2
    FLOATS  0, 1, 0
    FLOATS  2, 3, 32
.endm

// ---- indices ---------------------------------------------------------------------

.macro INDICES_16 j, low, high      // the j-th 16, of lower bytes and upper ones
    zip1    v6.16b, v\low\().16b, v\high\().16b
    zip2    v7.16b, v\low\().16b, v\high\().16b
    stp     q6, q7, [x16, #INDICES + 32*\j]
.endm

// ---- signs -----------------------------------------------------------------------

.macro EVEN_SIGNS v, free           // bit 7 of a byte makes its number of ones even
    cnt     v\free\().16b, v\v\().16b
    sli     v\v\().16b, v\free\().16b, #7
.endm

.macro SCALES_28                    // scales and signs, from words of four signs of 7 bits and s in v0, v1
    ushr    v2.4s, v0.4s, #28
    ushr    v3.4s, v1.4s, #28
    uzp1    v2.8h, v2.8h, v3.8h
    ushr    v4.4s, v0.4s, #14       // 14 bits in words, then 7 in bytes
    ushr    v5.4s, v1.4s, #14
    sli     v0.4s, v4.4s, #16
    sli     v1.4s, v5.4s, #16
    ODD     2
    ushr    v4.8h, v0.8h, #7
    ushr    v5.8h, v1.8h, #7
    sli     v0.8h, v4.8h, #8
    sli     v1.8h, v5.8h, #8
    bic     v0.8h, #0x80
    bic     v1.8h, #0x80
    bic     v0.8h, #0x80, lsl #8
    bic     v1.8h, #0x80, lsl #8
    EVEN_SIGNS 0, 4
    EVEN_SIGNS 1, 5
    stp     q0, q1, [x16, #SIGNS]
    FLOATS  2, 3, 0
.endm

.macro SIGNED a, b, c, d, index     // quads 2 i and 2 i + 1 of both rows with their signs, by where byte i is
    BITS    0, 1, \index, 8
    BITS    2, 3, \index, 9
    eor     v\a\().16b, v\a\().16b, v0.16b
    eor     v\b\().16b, v\b\().16b, v1.16b
    eor     v\c\().16b, v\c\().16b, v2.16b
    eor     v\d\().16b, v\d\().16b, v3.16b
    sub     v\a\().16b, v\a\().16b, v0.16b
    sub     v\b\().16b, v\b\().16b, v1.16b
    sub     v\c\().16b, v\c\().16b, v2.16b
    sub     v\d\().16b, v\d\().16b, v3.16b
.endm

// ---- rows of the grid ------------------------------------------------------------
//
//   Those of four groups, whose indices are \step bytes apart, the first at \at of \w.

.macro GRID size, shift, load, w, at, step, a, b, c, d      // the low bytes of \a .. \d
    \load   w9,  [\w, #\at]
    \load   w10, [\w, #\at + \step]
    \load   w11, [\w, #\at + 2*\step]
    \load   w12, [\w, #\at + 3*\step]
    ldr     \size\a, [x14, x9, lsl #\shift]
    ldr     \size\b, [x14, x10, lsl #\shift]
    ldr     \size\c, [x14, x11, lsl #\shift]
    ldr     \size\d, [x14, x12, lsl #\shift]
.endm

.macro PAIRS                        // of v0 .. v3, and of v4 .. v7: to v0 groups 0 and 2, to v1 groups 1 and 3; v4, v5
    trn1    v0.2d, v0.2d, v2.2d
    trn1    v1.2d, v1.2d, v3.2d
    trn1    v4.2d, v4.2d, v6.2d
    trn1    v5.2d, v5.2d, v7.2d
.endm

.macro GRID8 load, w0, at0, w1, at1, step, a, b, c, d       // two quads of row 0, and of row 1
    GRID    d, 3, \load, \w0, \at0, \step, 0, 1, 2, 3
    GRID    d, 3, \load, \w1, \at1, \step, 4, 5, 6, 7
    PAIRS
    trn1    v\a\().4s, v0.4s, v1.4s
    trn2    v\b\().4s, v0.4s, v1.4s
    trn1    v\c\().4s, v4.4s, v5.4s
    trn2    v\d\().4s, v4.4s, v5.4s
.endm

.macro GRID4 load, w0, at0, w1, at1, step, a, c             // one quad
    GRID    s, 2, \load, \w0, \at0, \step, 0, 1, 2, 3
    GRID    s, 2, \load, \w1, \at1, \step, 4, 5, 6, 7
    PAIRS
    trn1    v\a\().4s, v0.4s, v1.4s
    trn1    v\c\().4s, v4.4s, v5.4s
.endm

.macro CODES h
    FOUR_OF \h
    EIGHT   \h, 0, 16, 17, 24, 25, 10
    EIGHT   \h, 1, 18, 19, 26, 27, 11
    EIGHT   \h, 2, 20, 21, 28, 29, 12
    EIGHT   \h, 3, 22, 23, 30, 31, 13
.endm

#endif
