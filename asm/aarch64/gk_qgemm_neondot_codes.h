// gk_qgemm_neondot_codes.h -- the microkernel of panels of codes, G of k to a scale.                NEON dot product
//
//   As gk_qgemm_neon_codes.h says, DEEP = 4.
//
//                w[0..3]  w[4..7]  w[8..11]
//                v0       v1       v2
//   x[0] v3.s[0]  v8       v9       v10
//   x[1] v3.s[1]  v11      v12      v13
//    ...
//   x[7] v4.s[3]  v29      v30      v31      v5, v6 and v0  what is added to

#include "gk_qgemm_neon_codes.h"
#ifdef __aarch64__

.macro SDOT d, n, m, i              // sdot v\d.4s, v\n.16b, v\m.4b[\i] as a word: assemblers differ in how one enables it
    .inst   0x4f80e000 + ((\i & 1) << 21) + ((\i >> 1) << 11) + (\m << 16) + (\n << 5) + \d
.endm

.macro GK_CODES_ROWS rows, op, args:vararg  // \op row, its three sums, the vector and lane of x for each
    \op     0, 8,  9,  10, 3, 0, \rows, \args
.if \rows > 1
    \op     1, 11, 12, 13, 3, 1, \rows, \args
.endif
.if \rows > 2
    \op     2, 14, 15, 16, 3, 2, \rows, \args
.endif
.if \rows > 3
    \op     3, 17, 18, 19, 3, 3, \rows, \args
.endif
.if \rows > 4
    \op     4, 20, 21, 22, 4, 0, \rows, \args
.endif
.if \rows > 5
    \op     5, 23, 24, 25, 4, 1, \rows, \args
.endif
.if \rows > 6
    \op     6, 26, 27, 28, 4, 2, \rows, \args
.endif
.if \rows > 7
    \op     7, 29, 30, 31, 4, 3, \rows, \args
.endif
.endm

.macro GK_CODES_UPTO4 rows, v, from, at     // \rows words, no byte beyond them
.if \rows == 1
    ldr     s\v, [\from, #\at]
.elseif \rows == 2
    ldur    d\v, [\from, #\at]
.elseif \rows == 3
    ldur    d\v, [\from, #\at]
    add     x11, \from, #\at + 8
    ld1     {v\v\().s}[2], [x11]
.else
    ldur    q\v, [\from, #\at]
.endif
.endm

.macro GK_CODES_X rows, from, at    // v3, v4 = a word of each row
.if \rows > 4
    GK_CODES_UPTO4 4, 3, \from, \at
    GK_CODES_UPTO4 (\rows - 4), 4, \from, (\at + 16)
.else
    GK_CODES_UPTO4 \rows, 3, \from, \at
.endif
.endm

.macro GK_ROW_ZERO r, a, b, c, x, lane, rows, args:vararg
    stp     q0, q0, [x5, #48*\r]
    str     q0, [x5, #48*\r + 32]
.endm

.macro GK_ROW_START r, a, b, c, x, lane, rows, args:vararg
    mov     v\a\().16b, v7.16b
    mov     v\b\().16b, v7.16b
    mov     v\c\().16b, v7.16b
.endm

.macro GK_ROW_DOT r, a, b, c, x, lane, rows, args:vararg  // n += x w, four k
    SDOT    \a, 0, \x, \lane
    SDOT    \b, 1, \x, \lane
    SDOT    \c, 2, \x, \lane
.endm

.macro GK_ROW_FLOAT r, a, b, c, x, lane, rows, args:vararg
    fsub    v\a\().4s, v\a\().4s, v7.4s
    fsub    v\b\().4s, v\b\().4s, v7.4s
    fsub    v\c\().4s, v\c\().4s, v7.4s
.endm

.macro GK_ROW_KEEP r, a, b, c, x, lane, rows, args:vararg
    stp     q\a, q\b, [x12, #48*\r]
    str     q\c, [x12, #48*\r + 32]
.endm

.macro GK_ROW_NEXT r, a, b, c, x, lane, rows, args:vararg // f = 256 f + n
    ldp     q5, q6, [x12, #48*\r]
    ldr     q0, [x12, #48*\r + 32]
    fmla    v\a\().4s, v5.4s, v3.4s
    fmla    v\b\().4s, v6.4s, v3.4s
    fmla    v\c\().4s, v0.4s, v3.4s
.endm

.macro GK_ROW_SCALE r, a, b, c, x, lane, rows, args:vararg
    fmul    v\a\().4s, v\a\().4s, v0.4s
    fmul    v\b\().4s, v\b\().4s, v1.4s
    fmul    v\c\().4s, v\c\().4s, v2.4s
.endm

.macro GK_ROW_ADD r, a, b, c, x, lane, rows, args:vararg  // t += d s f
    ldp     q5, q6, [x5, #48*\r]
    ldr     q0, [x5, #48*\r + 32]
    fmla    v5.4s, v\a\().4s, v\x\().s[\lane]
    fmla    v6.4s, v\b\().4s, v\x\().s[\lane]
    fmla    v0.4s, v\c\().4s, v\x\().s[\lane]
    stp     q5, q6, [x5, #48*\r]
    str     q0, [x5, #48*\r + 32]
.endm

.macro GK_CODES_DIGIT rows, g       // n = the sums of a digit, as floats
    GK_CODES_ROWS \rows, GK_ROW_START
    .irp quad, 0, 1, 2, 3, 4, 5, 6, 7
.if 4*\quad < \g
    GK_CODES_X \rows, x6, 4*\rows*\quad
    ldp     q0, q1, [x4, #48*\quad]
    ldr     q2, [x4, #48*\quad + 32]
    GK_CODES_ROWS \rows, GK_ROW_DOT
.endif
    .endr
    add     x6, x6, x7
    GK_CODES_ROWS \rows, GK_ROW_FLOAT
.endm

.macro GK_CODES_CLEAR rows
    GK_CODES_ROWS \rows, GK_ROW_ZERO
.endm

.macro GK_CODES_KEEP rows
    GK_CODES_ROWS \rows, GK_ROW_KEEP
.endm

.macro GK_CODES_NEXT rows
    GK_CODES_ROWS \rows, GK_ROW_NEXT
.endm

.macro GK_CODES_ADD rows
    ldp     q0, q1, [x9]
    ldr     q2, [x9, #32]
    GK_CODES_ROWS \rows, GK_ROW_SCALE
    GK_CODES_X \rows, x8, 0
    GK_CODES_ROWS \rows, GK_ROW_ADD
.endm

.macro GK_CODES_CLOSE rows
.endm

#endif
