// gk_qdot_neon_eight.h -- what rows with a scale for each 32 codes, or for more, have in common, by one row of x.
//
//   scales of a block, 32 bytes for a row:  float s[8]
//
//   v2, v3  s times the scale of x, of four groups     v8, v9  s
//
//   The format has LINES, of 64 bytes in a block; SCALES \w: s of the block at \w, in v8, v9; GROUP \d, \g: products of
//   group g, of \d digits.

#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro FOUR d, w, bytes, at         // v\d = the 16 bits that open four blocks, from the \at-th
    ldrh    w9,  [\w, #\bytes*(\at)]
    ldrh    w10, [\w, #\bytes*(\at + 1)]
    ldrh    w11, [\w, #\bytes*(\at + 2)]
    ldrh    w12, [\w, #\bytes*(\at + 3)]
    orr     x9, x9, x10, lsl #16
    orr     x11, x11, x12, lsl #16
    orr     x9, x9, x11, lsl #32
    fmov    d\d, x9
.endm

.macro SCALES_OF r, w
    SCALES  \w
    stp     q8, q9, [x17, #32*\r]
.endm

.macro HEAD d
    SCALES_OF 0, x5
    SCALES_OF 1, x6
.endm

.macro PRODUCTS_OF d, g             // of codes of group g
    GK_QDOT_DOT \d, 32*\g
    GK_QDOT_FMA \g & 3, \g & 3
.endm

.macro BLOCK d
    GK_QDOT_SCALES \d, 0, 32
    GK_QDOT_AHEAD x1, LINES
    GROUP   \d, 0
    GROUP   \d, 1
    SCALES_OF 0, x5
    GROUP   \d, 2
    GROUP   \d, 3
    GK_QDOT_SCALES \d, 1, 32
    GK_QDOT_AHEAD x2, LINES
    GROUP   \d, 4
    GROUP   \d, 5
    SCALES_OF 1, x6
    GROUP   \d, 6
    GROUP   \d, 7
.endm

#endif
