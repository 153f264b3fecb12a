// gk_qdot_neon_q1_0.h -- rows of Q1_0 by one row of x.
//
//   256 weights are two blocks of 18 bytes, four groups each: f16 d; 128 bits. w = d (2 bit - 1). Codes are 1 - 2 bit, and
//   s is -d.
//
//   v6   bytes 1 << 0 .. 1 << 7, twice     v15, v16  bytes 0 and 1, and 2 and 3, each eight times
//   v13  ones

#define LINES 1
#include "gk_qdot_neon_eight.h"
#ifdef __aarch64__

.macro SETUP
    GK_QDOT_QUADS 6, 0x0201, 0x0804, 0x2010, 0x8040, 0x0201, 0x0804, 0x2010, 0x8040
    GK_QDOT_QUADS 15, 0, 0, 0, 0, 0x0101, 0x0101, 0x0101, 0x0101
    movi    v16.16b, #2
    movi    v13.16b, #1
    add     v16.16b, v16.16b, v15.16b
.endm

.macro SCALES w
    ldr     h8, [\w]
    ldr     h9, [\w, #18]
    fcvt    s8, h8
    fcvt    s9, h9
    fneg    s8, s8
    fneg    s9, s9
    dup     v8.4s, v8.s[0]
    dup     v9.4s, v9.s[0]
.endm

.macro GROUP d, g
    ldur    s28, [x1, #18*(\g / 4) + 2 + 4*(\g % 4)]
    ldur    s30, [x2, #18*(\g / 4) + 2 + 4*(\g % 4)]
    tbl     v24.16b, {v28.16b}, v15.16b
    tbl     v25.16b, {v28.16b}, v16.16b
    tbl     v26.16b, {v30.16b}, v15.16b
    tbl     v27.16b, {v30.16b}, v16.16b
    GK_QDOT_ALL cmtst, CODES, CODES, v6.16b
    GK_QDOT_ALL orr, CODES, CODES, v13.16b
    PRODUCTS_OF \d, \g
.endm

#endif
