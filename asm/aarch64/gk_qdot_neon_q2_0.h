// gk_qdot_neon_q2_0.h -- rows of Q2_0 by one row of x.
//
//   256 weights are four blocks of 18 bytes, two groups each: f16 d; 16 bytes of codes of 2 bits, from the lowest.
//   w = d (q - 1).
//
//   A nibble is two codes.
//
//   v6, v13  the first and the second of a nibble     v12         fifteens
//   v8       d of four blocks, then s                 v16 .. v19  nibbles of a block: groups of row 0, of row 1

#define LINES 2
#include "gk_qdot_neon_eight.h"
#ifdef __aarch64__

.macro SETUP
    GK_QDOT_QUADS 6, 0x00ff, 0x0201, 0x00ff, 0x0201, 0x00ff, 0x0201, 0x00ff, 0x0201
    GK_QDOT_QUADS 13, 0xffff, 0xffff, 0x0000, 0x0000, 0x0101, 0x0101, 0x0202, 0x0202
    movi    v12.16b, #15
.endm

.macro SCALES w
    FOUR    8, \w, 18, 0
    fcvtl   v8.4s, v8.4h
    zip2    v9.4s, v8.4s, v8.4s
    zip1    v8.4s, v8.4s, v8.4s
.endm

.macro NIBBLES g                    // of two groups
    ldur    q28, [x1, #9*\g + 2]
    ldur    q30, [x2, #9*\g + 2]
    ushr    v29.16b, v28.16b, #4
    ushr    v31.16b, v30.16b, #4
    and     v28.16b, v28.16b, v12.16b
    and     v30.16b, v30.16b, v12.16b
    zip1    v16.16b, v28.16b, v29.16b
    zip2    v17.16b, v28.16b, v29.16b
    zip1    v18.16b, v30.16b, v31.16b
    zip2    v19.16b, v30.16b, v31.16b
.endm

.macro PAIRS n, m                   // the codes of nibbles v\n and v\m
    tbl     v28.16b, {v6.16b}, v\n\().16b
    tbl     v29.16b, {v13.16b}, v\n\().16b
    tbl     v30.16b, {v6.16b}, v\m\().16b
    tbl     v31.16b, {v13.16b}, v\m\().16b
    zip1    v24.16b, v28.16b, v29.16b
    zip2    v25.16b, v28.16b, v29.16b
    zip1    v26.16b, v30.16b, v31.16b
    zip2    v27.16b, v30.16b, v31.16b
.endm

.macro GROUP d, g
.if \g % 2 == 0
    NIBBLES \g
    PAIRS   16, 18
.else
    PAIRS   17, 19
.endif
    PRODUCTS_OF \d, \g
.endm

#endif
