// gk_qdot_neon_fifths.h -- what rows of Q5_0 and Q5_1 by a few rows of x have in common: codes of 5 bits.
//
//   Fifth bits of a group are in 4 bytes, before its 16 bytes of nibbles, low ones first. Where the fifth bit is clear, ones
//   are shifted in above the nibble: that makes the signed byte q - 16.

#include "gk_qdot_neon_bits.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_BITS
.endm

.macro FIFTHS at, step, w           // v8 = the complement of those of four groups
    ldr     w9,  [\w, #\at]
    ldr     w10, [\w, #\at + \step]
    ldr     w11, [\w, #\at + 2*\step]
    ldr     w12, [\w, #\at + 3*\step]
    orr     x9, x9, x10, lsl #32
    orr     x11, x11, x12, lsl #32
    mvn     x9, x9
    mvn     x11, x11
    fmov    d8, x9
    mov     v8.d[1], x11
.endm

.macro LOW of, next, index          // to quads 2 i, 2 i + 1 of the first half
    BITS    4, 5, \index, 8
    sli     v\of\().16b, v4.16b, #4
    sli     v\next\().16b, v5.16b, #4
.endm

.macro HIGH to, next, index, of, from       // and of the second, from those of the first
    BITS    \to, \next, \index, 8
    sri     v\to\().16b, v\of\().16b, #4
    sri     v\next\().16b, v\from\().16b, #4
.endm

.macro FIVE at, step, w, l0, l1, l2, l3, h0, h1, h2, h3
    FIFTHS  \at, \step, \w
    HIGH    \h0, \h1, 12, \l0, \l1
    HIGH    \h2, \h3, 13, \l2, \l3
    LOW     \l0, \l1, 10
    LOW     \l2, \l3, 11
.endm

.macro FIVES at, step               // of four groups of both rows, fifth bits of the first at \at
    GK_QDOT_LOAD x1, \at + 4, \step, 16, 17, 18, 19
    GK_QDOT_LOAD x2, \at + 4, \step, 24, 25, 26, 27
    GK_QDOT_FOUR 16, 17, 18, 19, 24, 25, 26, 27
    FIVE    \at, \step, x1, 16, 17, 18, 19, 20, 21, 22, 23
    FIVE    \at, \step, x2, 24, 25, 26, 27, 28, 29, 30, 31
.endm

#endif
