// gk_qdot_neon_iq1_m.h -- rows of IQ1_M by a few rows of x, with dot products or without.
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; for each a nibble, three upper bits and a sign;
//   four words, each of four s of 3 bits and 4 bits of the f16 d. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8.
//
//   At SIGNS of the room: bytes +-1, one for an index.

#define FACTOR 0.125
#define SCALES_OF_16
#define DEPTH 4
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro UPPER w, j                   // of the j-th 16: nibbles
    ldr     d1, [\w, #32 + 8*\j]
    ldr     q0, [\w, #16*\j]
    movi    v3.16b, #8
    movi    v4.16b, #1
    ushr    v2.8b, v1.8b, #4
    zip1    v1.16b, v1.16b, v2.16b
    movi    v5.16b, #7
    cmtst   v3.16b, v1.16b, v3.16b
    and     v1.16b, v1.16b, v5.16b
    orr     v3.16b, v3.16b, v4.16b
    str     q3, [x16, #SIGNS + 16*\j]
    INDICES_16 \j, 0, 1
.endm

.macro FIELDS v, shifts             // words 2 s + 1, of eight s \shifts places up
    mov     w9, #(\shifts) & 0xffff
    movk    w9, #(\shifts) >> 16, lsl #16
    dup     v\v\().4s, w9
    ushl    v\v\().8h, v4.8h, v\v\().8h
    and     v\v\().16b, v\v\().16b, v5.16b
    ODD     \v
.endm

.macro SCALES_OF w
    ldr     x9, [\w, #48]
    lsr     x10, x9, #12
    fmov    d4, x9
    and     x10, x10, #0x000f000f000f000f
    orr     x10, x10, x10, lsr #12
    orr     x10, x10, x10, lsr #24
    fmov    d8, x10
    fmov    s9, #FACTOR
    fcvt    s8, h8
    movi    v5.8h, #7
    fmul    s8, s8, s9
    zip1    v4.8h, v4.8h, v4.8h
    FIELDS  0, 0xfffa0000
    FIELDS  2, 0xfff7fffd
    FLOATS  0, 1, 0
    FLOATS  2, 3, 32
    UPPER   \w, 0
    UPPER   \w, 1
.endm

.macro FOUR_OF h
    ldr     q8, [x0, #ROW + SIGNS + 16*\h]
    ldr     q9, [x0, #ROW + ROOM + SIGNS + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID8   ldrh, x0, ROW + INDICES + 32*\h + 2*\i, x0, ROW + ROOM + INDICES + 32*\h + 2*\i, 8, \a, \b, \c, \d
    tbl     v0.16b, {v8.16b}, v\index\().16b
    tbl     v1.16b, {v9.16b}, v\index\().16b
    add     v\a\().16b, v\a\().16b, v0.16b
    add     v\b\().16b, v\b\().16b, v0.16b
    add     v\c\().16b, v\c\().16b, v1.16b
    add     v\d\().16b, v\d\().16b, v1.16b
.endm

#endif
