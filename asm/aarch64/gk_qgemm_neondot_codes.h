// gk_qgemm_neondot_codes.h -- the microkernel of panels of codes, G = 4 QUADS of k to a scale.          NEON dot product
//
//   void name(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);
//
//   t[r][c] = sum over groups of   d[r] * s[c] * (65536 n2 + 256 n1 + n0),   n = sum of x[.][r] * w[.][c]
//
//   x0  groups  0 allowed                   x: per digit, the highest first, int8 [groups][QUADS][rows][4], four consecutive
//   x1  digits  1 .. 3                         k of a row together; then float d[groups][rows]
//   x2  rows    1 .. 8                      codes: int8 [groups][QUADS][12][4], four consecutive k of a column together;
//   x3  x                                      then per group float s[12]
//   x4  codes
//   x5  t       [rows][12], written; the [rows][12] behind it are the kernel's own
//
//   x6  the digit of the group, x3 .. x10 in steps of x7   x8  d   x9  s   x12  the room behind t   w13  256, a float
//
//                w[0..3]  w[4..7]  w[8..11]
//                v0       v1       v2
//   x[0] v3.s[0]  v8       v9       v10      24 sums of a digit. They start from 1.5 * 2^23 (v7, as bits): |sum| < 2^20, so
//   x[1] v3.s[1]  v11      v12      v13      the bits of start + sum are those of the float 1.5 * 2^23 + sum, and one
//    ...                                     subtraction converts exactly (scvtf has a single, slower pipe).
//   x[7] v4.s[3]  v29      v30      v31      Sums of digits, floats, wait in the room.   v5 v6 and v0  what is added to

#include "../gk_asm.h"
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

.macro GK_CODES_ZERO r, a, b, c, x, lane, rows, args:vararg
    stp     q0, q0, [x5, #48*\r]
    str     q0, [x5, #48*\r + 32]
.endm

.macro GK_CODES_START r, a, b, c, x, lane, rows, args:vararg
    mov     v\a\().16b, v7.16b
    mov     v\b\().16b, v7.16b
    mov     v\c\().16b, v7.16b
.endm

.macro GK_CODES_DOT r, a, b, c, x, lane, rows, args:vararg  // n += x w, four k
    SDOT    \a, 0, \x, \lane
    SDOT    \b, 1, \x, \lane
    SDOT    \c, 2, \x, \lane
.endm

.macro GK_CODES_FLOAT r, a, b, c, x, lane, rows, args:vararg
    fsub    v\a\().4s, v\a\().4s, v7.4s
    fsub    v\b\().4s, v\b\().4s, v7.4s
    fsub    v\c\().4s, v\c\().4s, v7.4s
.endm

.macro GK_CODES_KEEP r, a, b, c, x, lane, rows, args:vararg
    stp     q\a, q\b, [x12, #48*\r]
    str     q\c, [x12, #48*\r + 32]
.endm

.macro GK_CODES_NEXT r, a, b, c, x, lane, rows, args:vararg // f = 256 f + n
    ldp     q5, q6, [x12, #48*\r]
    ldr     q0, [x12, #48*\r + 32]
    fmla    v\a\().4s, v5.4s, v3.4s
    fmla    v\b\().4s, v6.4s, v3.4s
    fmla    v\c\().4s, v0.4s, v3.4s
.endm

.macro GK_CODES_SCALE r, a, b, c, x, lane, rows, args:vararg
    fmul    v\a\().4s, v\a\().4s, v0.4s
    fmul    v\b\().4s, v\b\().4s, v1.4s
    fmul    v\c\().4s, v\c\().4s, v2.4s
.endm

.macro GK_CODES_ADD r, a, b, c, x, lane, rows, args:vararg  // t += d s f
    ldp     q5, q6, [x5, #48*\r]
    ldr     q0, [x5, #48*\r + 32]
    fmla    v5.4s, v\a\().4s, v\x\().s[\lane]
    fmla    v6.4s, v\b\().4s, v\x\().s[\lane]
    fmla    v0.4s, v\c\().4s, v\x\().s[\lane]
    stp     q5, q6, [x5, #48*\r]
    str     q0, [x5, #48*\r + 32]
.endm

.macro GK_CODES_DIGIT rows, quads   // n = the sums of a digit, as floats
    GK_CODES_ROWS \rows, GK_CODES_START
    .irp quad, 0, 1, 2, 3, 4, 5, 6, 7
.if \quad < \quads
    GK_CODES_X \rows, x6, 4*\rows*\quad
    ldp     q0, q1, [x4, #48*\quad]
    ldr     q2, [x4, #48*\quad + 32]
    GK_CODES_ROWS \rows, GK_CODES_DOT
.endif
    .endr
    add     x6, x6, x7
    GK_CODES_ROWS \rows, GK_CODES_FLOAT
.endm

.macro GK_CODES_TILE rows, quads
L(rows\rows):
    movi    v0.4s, #0
    GK_CODES_ROWS \rows, GK_CODES_ZERO
    cbz     x0, L(done)
    add     x12, x5, #48*\rows
    mov     x7, #4*\rows*\quads
    mul     x7, x7, x0
    madd    x8, x7, x1, x3
    mov     x10, x8
    .balign 32
L(group\rows):
    mov     x6, x3
    GK_CODES_DIGIT \rows, \quads
    cmp     x6, x10
    b.hs    L(add\rows)
L(digit\rows):
    GK_CODES_ROWS \rows, GK_CODES_KEEP
    GK_CODES_DIGIT \rows, \quads
    dup     v3.4s, w13
    GK_CODES_ROWS \rows, GK_CODES_NEXT
    cmp     x6, x10
    b.lo    L(digit\rows)
L(add\rows):
    ldp     q0, q1, [x9]
    ldr     q2, [x9, #32]
    GK_CODES_ROWS \rows, GK_CODES_SCALE
    GK_CODES_X \rows, x8, 0
    GK_CODES_ROWS \rows, GK_CODES_ADD
    add     x3, x3, #4*\rows*\quads
    add     x10, x10, #4*\rows*\quads
    add     x8, x8, #4*\rows
    add     x4, x4, #48*\quads
    add     x9, x9, #48
    subs    x0, x0, #1
    b.ne    L(group\rows)
    b       L(done)
.endm

.macro GK_CODES_FUNC name, quads
GK_FUNC \name, 6
    GK_SAVE_D8_D15
    mov     x9, #48*\quads
    madd    x9, x9, x0, x4
    mov     w13, #0x43800000
    mov     w11, #0x4b400000
    dup     v7.4s, w11
    .irp rows, 1, 2, 3, 4, 5, 6, 7
    cmp     x2, #\rows
    b.eq    L(rows\rows)
    .endr
    .irp rows, 8, 7, 6, 5, 4, 3, 2, 1
    GK_CODES_TILE \rows, \quads
    .endr
L(done):
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC \name
.endm

#endif
