// gk_qdot_neon_iq2_s.h -- rows of IQ2_S by a few rows of x, with dot products or without.
//
//   A block is 82 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; 256 signs; bits 8 and 9 of indices;
//   sixteen s of 4 bits. w = +-d (2 s + 1) / 8 grid, 8 .. 43.

#define FACTOR 0.125
#define SCALES_OF_16
#define DEPTH 4
#include "gk_qdot_neon_grid.h"
#ifdef __aarch64__

.macro UPPER w, j                   // bits 8 and 9 of the j-th 16: they go up by v3
    ldr     s1, [\w, #66 + 4*\j]
    ldr     q0, [\w, #2 + 16*\j]
    zip1    v1.16b, v1.16b, v1.16b
    zip1    v1.8h, v1.8h, v1.8h
    ushl    v1.16b, v1.16b, v3.16b
    ushr    v1.16b, v1.16b, #6
    INDICES_16 \j, 0, 1
.endm

.macro SCALES_OF w
    ODD_16  \w, 74
    mov     w9, #0x0406
    movk    w9, #0x0002, lsl #16
    dup     v3.4s, w9               // bytes 6, 4, 2, 0
    UPPER   \w, 0
    UPPER   \w, 1
.endm

.macro FOUR_OF h
    ldr     q8, [x1, #34 + 16*\h]
    ldr     q9, [x2, #34 + 16*\h]
.endm

.macro EIGHT h, i, a, b, c, d, index
    GRID8   ldrh, x0, ROW + INDICES + 32*\h + 2*\i, x0, ROW + ROOM + INDICES + 32*\h + 2*\i, 8, \a, \b, \c, \d
    SIGNED  \a, \b, \c, \d, \index
.endm

#endif
