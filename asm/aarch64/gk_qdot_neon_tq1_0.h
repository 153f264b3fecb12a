// gk_qdot_neon_tq1_0.h -- rows of TQ1_0 by one row of x.
//
//   A block is 54 bytes: 32, 16 and 4 bytes of five digits to base 3; f16 d. w = d (digit - 1).
//
//   A byte is a fraction: its first digit is how many thirds of 256 it reaches, 86 and 171; 3^n times it, mod 256, has
//   digit n first.
//
//   v6   170     v10, v11  powers of group 7     v14         d
//   v12  86                                      v16 .. v19  bytes whose first digits are a group

#define LINES 1
#include "gk_qdot_neon_eight.h"
#ifdef __aarch64__

.macro SETUP
    movi    v6.16b, #170
    movi    v12.16b, #86
    movi    v10.16b, #81
    GK_QDOT_QUADS 11, 0x0101, 0x0101, 0x0303, 0x0303, 0x0909, 0x0909, 0x1b1b, 0x1b1b
.endm

.macro SCALES w
    ldr     h14, [\w, #52]
    fcvt    s14, h14
    dup     v8.4s, v14.s[0]
    dup     v9.4s, v14.s[0]
.endm

.macro POWERS first, second         // bytes times these
    mul     v16.16b, v16.16b, \first\().16b
    mul     v17.16b, v17.16b, \second\().16b
    mul     v18.16b, v18.16b, \first\().16b
    mul     v19.16b, v19.16b, \second\().16b
.endm

.macro DIGITS g
.if \g == 0
    GK_QDOT_LOAD BYTES, 0
.elseif \g < 5
    movi    v28.16b, #3
    POWERS  v28, v28
.else
    ldr     q16, [x1, #32]
    ldr     q18, [x2, #32]
.if \g == 7
    ldr     s17, [x1, #48]
    ldr     s19, [x2, #48]
    dup     v17.4s, v17.s[0]
    dup     v19.4s, v19.s[0]
    POWERS  v10, v11
.else
    mov     v17.16b, v16.16b
    mov     v19.16b, v18.16b
    movi    v28.16b, #1 + 8*(\g - 5)
    movi    v29.16b, #3 + 24*(\g - 5)
    POWERS  v28, v29
.endif
.endif
.endm

.macro GROUP d, g
    DIGITS  \g
    GK_QDOT_ALL cmhi, SUMS, BYTES, v6.16b
    cmhi    v24.16b, v12.16b, v16.16b
    cmhi    v25.16b, v12.16b, v17.16b
    cmhi    v26.16b, v12.16b, v18.16b
    cmhi    v27.16b, v12.16b, v19.16b
    sub     v24.16b, v24.16b, v28.16b
    sub     v25.16b, v25.16b, v29.16b
    sub     v26.16b, v26.16b, v30.16b
    sub     v27.16b, v27.16b, v31.16b
    PRODUCTS_OF \d, \g
.endm

#endif
