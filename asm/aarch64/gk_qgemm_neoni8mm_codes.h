// gk_qgemm_neoni8mm_codes.h -- the microkernel of panels of codes, G of k to a scale.          NEON int8 matrix multiply
//
//   As gk_qgemm_neon_codes.h says, DEEP = 8.
//
//   smmla: a vector of x is two rows of 8, one of W two columns of 8, and the sum their 2x2 block, row by row. Of a last row
//   alone blocks have one row. Until all is done t holds blocks: six of a pair of rows, then those of the next.
//
//                 w[0,1] w[2,3] w[4,5] w[6,7] w[8,9] w[10,11]
//                 v4     v5     v4     v5     v4     v5
//   x[0,1]  v0    v8     v9     v10    v11    v12    v13
//   x[2,3]  v1    v14    v15    v16    v17    v18    v19
//   x[4,5]  v2    v20    v21    v22    v23    v24    v25
//   x[6,7]  v3    v26    v27    v28    v29    v30    v31

#include "gk_qgemm_neon_codes.h"
#ifdef __aarch64__

.macro SMMLA d, n, m                // smmla v\d.4s, v\n.16b, v\m.16b as a word: assemblers differ in how one enables it
    .inst   0x4e80a400 + (\m << 16) + (\n << 5) + \d
.endm

.macro GK_PAIRS rows, op, args:vararg       // \op pair, its six sums
    \op     0, 8,  9,  10, 11, 12, 13, \rows, \args
.if \rows > 2
    \op     1, 14, 15, 16, 17, 18, 19, \rows, \args
.endif
.if \rows > 4
    \op     2, 20, 21, 22, 23, 24, 25, \rows, \args
.endif
.if \rows > 6
    \op     3, 26, 27, 28, 29, 30, 31, \rows, \args
.endif
.endm

.macro GK_BLOCKS op, pair, rows, from, a, b, i      // \op two blocks, columns 4 i .. 4 i + 3, of a pair or a last row
.if 2*\pair + 1 == \rows
    \op     d\a, d\b, [\from, #96*\pair + 16*\i]
.else
    \op     q\a, q\b, [\from, #96*\pair + 32*\i]
.endif
.endm

.macro GK_PAIR_ZERO p, a, b, c, d, e, f, rows, args:vararg
    GK_BLOCKS stp, \p, \rows, x5, 0, 0, 0
    GK_BLOCKS stp, \p, \rows, x5, 0, 0, 1
    GK_BLOCKS stp, \p, \rows, x5, 0, 0, 2
.endm

.macro GK_PAIR_START p, a, b, c, d, e, f, rows, args:vararg
    mov     v\a\().16b, v7.16b
    mov     v\b\().16b, v7.16b
    mov     v\c\().16b, v7.16b
    mov     v\d\().16b, v7.16b
    mov     v\e\().16b, v7.16b
    mov     v\f\().16b, v7.16b
.endm

.macro GK_PAIR_X p, a, b, c, d, e, f, rows, at      // eight k of each row
.if 2*\p + 1 == \rows
    ldur    d\p, [x6, #\at + 16*\p]
.else
    ldur    q\p, [x6, #\at + 16*\p]
.endif
.endm

.macro GK_PAIR_DOT p, a, b, c, d, e, f, rows, i     // n += x w, eight k, columns 4 i .. 4 i + 3
.if \i == 0
    SMMLA   \a, \p, 4
    SMMLA   \b, \p, 5
.elseif \i == 1
    SMMLA   \c, \p, 4
    SMMLA   \d, \p, 5
.else
    SMMLA   \e, \p, 4
    SMMLA   \f, \p, 5
.endif
.endm

.macro GK_PAIR_FLOAT p, a, b, c, d, e, f, rows, args:vararg
    fsub    v\a\().4s, v\a\().4s, v7.4s
    fsub    v\b\().4s, v\b\().4s, v7.4s
    fsub    v\c\().4s, v\c\().4s, v7.4s
    fsub    v\d\().4s, v\d\().4s, v7.4s
    fsub    v\e\().4s, v\e\().4s, v7.4s
    fsub    v\f\().4s, v\f\().4s, v7.4s
.endm

.macro GK_PAIR_KEEP p, a, b, c, d, e, f, rows, args:vararg
    GK_BLOCKS stp, \p, \rows, x12, \a, \b, 0
    GK_BLOCKS stp, \p, \rows, x12, \c, \d, 1
    GK_BLOCKS stp, \p, \rows, x12, \e, \f, 2
.endm

.macro GK_PAIR_NEXT p, a, b, c, d, e, f, rows, args:vararg  // f = 256 f + n
    GK_BLOCKS ldp, \p, \rows, x12, 0, 1, 0
    GK_BLOCKS ldp, \p, \rows, x12, 2, 4, 1
    GK_BLOCKS ldp, \p, \rows, x12, 5, 6, 2
    fmla    v\a\().4s, v0.4s, v3.4s
    fmla    v\b\().4s, v1.4s, v3.4s
    fmla    v\c\().4s, v2.4s, v3.4s
    fmla    v\d\().4s, v4.4s, v3.4s
    fmla    v\e\().4s, v5.4s, v3.4s
    fmla    v\f\().4s, v6.4s, v3.4s
.endm

.macro GK_PAIR_SCALE p, a, b, c, d, e, f, rows, args:vararg
    fmul    v\a\().4s, v\a\().4s, v0.4s
    fmul    v\b\().4s, v\b\().4s, v1.4s
    fmul    v\c\().4s, v\c\().4s, v2.4s
    fmul    v\d\().4s, v\d\().4s, v3.4s
    fmul    v\e\().4s, v\e\().4s, v4.4s
    fmul    v\f\().4s, v\f\().4s, v5.4s
.endm

.macro GK_PAIR_ADD p, a, b, c, d, e, f, rows, args:vararg   // t += d s f
.if 2*\p + 1 == \rows
    ldr     s6, [x8, #8*\p]
.else
    ldr     d6, [x8, #8*\p]
.endif
    zip1    v6.4s, v6.4s, v6.4s
    GK_BLOCKS ldp, \p, \rows, x5, 0, 1, 0
    GK_BLOCKS ldp, \p, \rows, x5, 2, 3, 1
    GK_BLOCKS ldp, \p, \rows, x5, 4, 5, 2
    fmla    v0.4s, v\a\().4s, v6.4s
    fmla    v1.4s, v\b\().4s, v6.4s
    fmla    v2.4s, v\c\().4s, v6.4s
    fmla    v3.4s, v\d\().4s, v6.4s
    fmla    v4.4s, v\e\().4s, v6.4s
    fmla    v5.4s, v\f\().4s, v6.4s
    GK_BLOCKS stp, \p, \rows, x5, 0, 1, 0
    GK_BLOCKS stp, \p, \rows, x5, 2, 3, 1
    GK_BLOCKS stp, \p, \rows, x5, 4, 5, 2
.endm

.macro GK_PAIR_ROWS p, a, b, c, d, e, f, rows, args:vararg  // blocks to rows; those of a last row are it
.if 2*\p + 1 < \rows
    ldp     q0, q1, [x5, #96*\p]
    ldp     q2, q3, [x5, #96*\p + 32]
    ldp     q4, q5, [x5, #96*\p + 64]
    zip1    v\a\().2d, v0.2d, v1.2d
    zip1    v\b\().2d, v2.2d, v3.2d
    zip1    v\c\().2d, v4.2d, v5.2d
    zip2    v\d\().2d, v0.2d, v1.2d
    zip2    v\e\().2d, v2.2d, v3.2d
    zip2    v\f\().2d, v4.2d, v5.2d
    stp     q\a, q\b, [x5, #96*\p]
    stp     q\c, q\d, [x5, #96*\p + 32]
    stp     q\e, q\f, [x5, #96*\p + 64]
.endif
.endm

.macro GK_CODES_DIGIT rows, g       // n = the sums of a digit, as floats
    GK_PAIRS \rows, GK_PAIR_START
    .irp octet, 0, 1, 2, 3
.if 8*\octet < \g
    GK_PAIRS \rows, GK_PAIR_X, 8*\rows*\octet
    .irp four, 0, 1, 2
    ldp     q4, q5, [x4, #96*\octet + 32*\four]
    GK_PAIRS \rows, GK_PAIR_DOT, \four
    .endr
.endif
    .endr
    add     x6, x6, x7
    GK_PAIRS \rows, GK_PAIR_FLOAT
.endm

.macro GK_CODES_CLEAR rows
    GK_PAIRS \rows, GK_PAIR_ZERO
.endm

.macro GK_CODES_KEEP rows
    GK_PAIRS \rows, GK_PAIR_KEEP
.endm

.macro GK_CODES_NEXT rows
    GK_PAIRS \rows, GK_PAIR_NEXT
.endm

.macro GK_CODES_ADD rows
    ldr     q1, [x9]                // each two scales twice
    ldr     q3, [x9, #16]
    ldr     q5, [x9, #32]
    dup     v0.2d, v1.d[0]
    dup     v1.2d, v1.d[1]
    dup     v2.2d, v3.d[0]
    dup     v3.2d, v3.d[1]
    dup     v4.2d, v5.d[0]
    dup     v5.2d, v5.d[1]
    GK_PAIRS \rows, GK_PAIR_SCALE
    GK_PAIRS \rows, GK_PAIR_ADD
.endm

.macro GK_CODES_CLOSE rows
    GK_PAIRS \rows, GK_PAIR_ROWS
.endm

#endif
