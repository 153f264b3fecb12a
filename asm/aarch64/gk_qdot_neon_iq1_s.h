// gk_qdot_neon_iq1_s.h -- rows of IQ1_S by a few rows of x, with dot products or without.
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; for each group a word: three upper bits
//   of four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8.
//
//   At SIGNS of the room: bytes +-1, four for a group.

#define FACTOR 0.125
#define DEPTH 8
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro UPPER w, j                   // of the j-th 16: three bits each
    ldr     d1, [\w, #34 + 8*\j]
    ldr     q0, [\w, #2 + 16*\j]
    zip1    v1.8h, v1.8h, v1.8h
    zip1    v2.4s, v1.4s, v1.4s
    zip2    v3.4s, v1.4s, v1.4s
    ushl    v2.8h, v2.8h, v4.8h
    ushl    v3.8h, v3.8h, v4.8h
    uzp1    v1.16b, v2.16b, v3.16b
    and     v1.16b, v1.16b, v5.16b
    INDICES_16 \j, 0, 1
.endm

.macro SCALES_OF w
    D_FACTOR \w
    ldr     q2, [\w, #34]
    ushr    v0.8h, v2.8h, #11
    sshr    v2.8h, v2.8h, #15
    bic     v0.8h, #16
    orr     v2.8h, #1
    orr     v0.8h, #1               // 2 s + 1
    xtn     v2.8b, v2.8h
    FLOATS  0, 1, 0
    zip1    v2.16b, v2.16b, v2.16b
    zip1    v3.8h, v2.8h, v2.8h
    zip2    v2.8h, v2.8h, v2.8h
    stp     q3, q2, [x16, #SIGNS]
    movi    v5.16b, #7
    mov     x9, #0xfffd0000
    movk    x9, #0xfffa, lsl #32
    movk    x9, #0xfff7, lsl #48
    dup     v4.2d, x9               // words 0, -3, -6, -9
    UPPER   \w, 0
    UPPER   \w, 1
.endm

.macro FOUR_OF h
    ldr     q8, [x0, #ROW + SIGNS + 16*\h]
    ldr     q9, [x0, #ROW + ROOM + SIGNS + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID8   ldrh, x0, ROW + INDICES + 32*\h + 2*\i, x0, ROW + ROOM + INDICES + 32*\h + 2*\i, 8, \a, \b, \c, \d
    add     v\a\().16b, v\a\().16b, v8.16b
    add     v\b\().16b, v\b\().16b, v8.16b
    add     v\c\().16b, v\c\().16b, v9.16b
    add     v\d\().16b, v\d\().16b, v9.16b
.endm

#endif
