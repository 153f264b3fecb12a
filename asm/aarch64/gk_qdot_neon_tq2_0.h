// gk_qdot_neon_tq2_0.h -- rows of TQ2_0 by one row of x.
//
//   A block is 66 bytes: two rows of 32 bytes, each the 2 bits of four groups, from the lowest; f16 d. w = d (q - 1).
//
//   Codes stay where their bits are, times f = 1 | 4 | 16, but for the last of four groups: f = 1. They are
//   -16 .. 32, and s is d / f.
//
//   v13  1 / f of four groups     v14  d     v16 .. v19  codes of 128

#define LINES 2
#include "gk_qdot_neon_eight.h"
#ifdef __aarch64__

.macro SETUP
    GK_QDOT_QUADS 13, 0, 0x3f80, 0, 0x3e80, 0, 0x3d80, 0, 0x3f80
.endm

.macro SCALES w
    ldr     h14, [\w, #64]
    fcvt    s14, h14
    fmul    v8.4s, v13.4s, v14.s[0]
    fmul    v9.4s, v13.4s, v14.s[0]
.endm

.macro GROUP d, g
.if \g % 4 == 0
    GK_QDOT_LOAD BYTES, 8*\g
.endif
.if \g % 4 < 3
    movi    v28.16b, #3 << (2*(\g % 4))
    movi    v29.16b, #1 << (2*(\g % 4))
    GK_QDOT_ALL and, CODES, BYTES, v28.16b
.else
    movi    v29.16b, #1
    GK_QDOT_ALL ushr, CODES, BYTES, #6
.endif
    GK_QDOT_ALL sub, CODES, CODES, v29.16b
    PRODUCTS_OF \d, \g
.endm

#endif
