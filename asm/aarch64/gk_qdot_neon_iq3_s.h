// gk_qdot_neon_iq3_s.h -- rows of IQ3_S by a few rows of x, with dot products or without.
//
//   A block is 110 bytes: f16 d; 64 lower bytes of indices, for 4 weights each; their ninth bits; 256 signs; eight s of
//   4 bits. w = +-d (2 s + 1) grid, 1 .. 15.

#define FACTOR 1.0
#define DEPTH 8
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro NINTHS w, j                  // of the j-th 16, by the bits in v2
    ldr     h1, [\w, #66 + 2*\j]
    ldr     q0, [\w, #2 + 16*\j]
    tbl     v1.16b, {v1.16b}, v3.16b
    cmtst   v1.16b, v1.16b, v2.16b
    ushr    v1.16b, v1.16b, #7
    INDICES_16 \j, 0, 1
.endm

.macro SCALES_OF w
    D_FACTOR \w
    ldr     s0, [\w, #106]
    movi    v2.8b, #15
    ushr    v1.8b, v0.8b, #4
    and     v0.8b, v0.8b, v2.8b
    zip1    v0.8b, v0.8b, v1.8b
    ushll   v0.8h, v0.8b, #0
    ODD     0
    FLOATS  0, 1, 0
    zip1    v2.4s, v14.4s, v15.4s   // 1 << 0 .. 1 << 7, twice
    movi    v1.16b, #1
    movi    v3.16b, #0
    ext     v3.16b, v3.16b, v1.16b, #8
    NINTHS  \w, 0
    NINTHS  \w, 1
    NINTHS  \w, 2
    NINTHS  \w, 3
.endm

.macro FOUR_OF h
    ldr     q8, [x1, #74 + 16*\h]
    ldr     q9, [x2, #74 + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID4   ldrh, x0, ROW + INDICES + 64*\h + 4*\i, x0, ROW + ROOM + INDICES + 64*\h + 4*\i, 16, \a, \c
    GRID4   ldrh, x0, ROW + INDICES + 64*\h + 4*\i + 2, x0, ROW + ROOM + INDICES + 64*\h + 4*\i + 2, 16, \b, \d
    SIGNED  \a, \b, \c, \d, \index
.endm

#endif
