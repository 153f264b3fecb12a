// gk_qdot_neon_halves.h -- what rows of blocks of 32 that open with an f16 scale have in common, by one row of x.
//
//   scales of a block of 256, 32 bytes for a row:  float s[8]
//
//   v2, v3  s times the scale of x, of four blocks     v8, v9  s
//
//   The format has BYTES_OF_32; UNIT, for s in v8, v9; POINTERS and GROUP \d, \g: products of block g, of \d digits.

#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro FOUR d, w, at                // v\d = the f16 of four blocks
    ldrh    w9,  [\w, #BYTES_OF_32*(\at)]
    ldrh    w10, [\w, #BYTES_OF_32*(\at + 1)]
    ldrh    w11, [\w, #BYTES_OF_32*(\at + 2)]
    ldrh    w12, [\w, #BYTES_OF_32*(\at + 3)]
    orr     x9, x9, x10, lsl #16
    orr     x11, x11, x12, lsl #16
    orr     x9, x9, x11, lsl #32
    fmov    d\d, x9
.endm

.macro HALVES r, w
    FOUR    8, \w, 0
    FOUR    9, \w, 4
    fcvtl   v8.4s, v8.4h
    fcvtl   v9.4s, v9.4h
    UNIT
    stp     q8, q9, [x17, #32*\r]
.endm

.macro HEAD d
    HALVES  0, x5
    HALVES  1, x6
.endm

.macro BLOCK d
    POINTERS
    GK_QDOT_SCALES \d, 0, 32
    GK_QDOT_AHEAD x1, (8*BYTES_OF_32 + 63)/64
    GROUP   \d, 0
    GROUP   \d, 1
    HALVES  0, x5
    GROUP   \d, 2
    GROUP   \d, 3
    GK_QDOT_SCALES \d, 1, 32
    GK_QDOT_AHEAD x2, (8*BYTES_OF_32 + 63)/64
    GROUP   \d, 4
    GROUP   \d, 5
    HALVES  1, x6
    GROUP   \d, 6
    GROUP   \d, 7
.endm

#endif
