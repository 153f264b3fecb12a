// gk_qdot_neon.h -- what rows of codes by one row of x have in common.                      NEON, or NEON and dot products
//
//   void gk_qdot_neon_FORMAT_2(struct DotJob* job);        the job is used up; gk_qdot_neondot_FORMAT_2 is the same
//
//   y[s * y_segment + i] = row i of segment s of W . x, for two segments, x in fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         128 float sum[2][4]   160 double total[2]   192 scales of a block, and of the next: GK_QDOT_SET bytes each
//
//   x, a block of 256:  0      int8  digit 2, then for three digits digits 1 and 0, in 0 .. 127, 256 each
//                       D 256  float scale[16], sum[16]
//
//   x0  job               x1, x2      the block of segments 0 and 1         v0, v1    sums of the two rows, by lanes
//   x4  blocks left       x5, x6, x7  the next x1, x2, x3                   v20, v21  a digit of 32 of x
//   x3  x                 x16, x17    scales of this block, of the next     v24, v25  32 codes of row 0
//   x8  blocks left       x9 .. x12   free                                  v26, v27  32 codes of row 1
//       of the total      x14, x15    of the format                         v28 .. v31  sums of four code X of each 16
//   The last block of a row is its own next.                                v7   1.5 * 2^23, as floats
//
//   v2, v3 are scales, v4, v5, v22, v23 products of 16 bits. Of the format: v6, constants; v8 .. v15, to make scales;
//   v16 .. v19, bytes of the rows; and v28 .. v31 while codes are made.
//
//   Scales are made a block ahead, by parts of HEAD between groups of codes, and kept in memory: they take long, and codes
//   need not wait for them.
//
//   A lane is the sum of four code X, exact, X = 16384 digit 2 + 128 digit 1 + digit 0; then one FMA. A block is a chain of
//   FMA, chains are added up as floats, these in double every 16 blocks: the order of the twin, code_rows in section [15].
//
//   With dot products (GK_QDOT_SDOT) lane l is of codes 4l .. 4l + 3. Sums of one digit start as the bits of the float
//   1.5 * 2^23: |sum| <= 4 * 128 * 127 < 2^22, so they become those of 1.5 * 2^23 + sum, and a subtraction converts exactly.
//   Without, lane l is of codes 2l, 2l + 1, 2l + 8, 2l + 9: |code| <= 128 and |digit| <= 127, two products are at most
//   32512 and fit 16 bits; smull and smlal2 add no more, and pairs of their sums are added to 32 bits.
//
//   Budgets count 16 codes of a row. With dot products, in slots of the two pipes of Neoverse N1: zero, 3 sdot, 2 shifts,
//   a conversion, which takes two, and an FMA are 9; for one digit start, sdot, subtraction and FMA are 4. Without, in
//   instructions, of which Cortex-A53 takes one a cycle: 6 products, 3 sums of pairs, 2 shifts, conversion and FMA are 13;
//   for one digit 5. More are those that make the codes. Per block come scales and sums.

#include "../gk_asm.h"
#ifdef __aarch64__

#ifndef GK_QDOT_SET
#define GK_QDOT_SET 192              // and 576 is room of the format
#endif

#define CODES 24, 25, 26, 27        // registers, for what goes to all four
#define BYTES 16, 17, 18, 19
#define SUMS  28, 29, 30, 31

.macro GK_QDOT_ALL op, d0, d1, d2, d3, n0, n1, n2, n3, m:vararg     // each of \d = \op of \n, \m
    \op     v\d0\().16b, v\n0\().16b, \m
    \op     v\d1\().16b, v\n1\().16b, \m
    \op     v\d2\().16b, v\n2\().16b, \m
    \op     v\d3\().16b, v\n3\().16b, \m
.endm

.macro GK_QDOT_QUADS d, a, b, c, e, f, g, h, i     // v\d = eight words of constants
    mov     x9, #\a
    movk    x9, #\b, lsl #16
    movk    x9, #\c, lsl #32
    movk    x9, #\e, lsl #48
    mov     x10, #\f
    movk    x10, #\g, lsl #16
    movk    x10, #\h, lsl #32
    movk    x10, #\i, lsl #48
    fmov    d\d, x9
    mov     v\d\().d[1], x10
.endm

.macro GK_QDOT_LOAD d0, d1, d2, d3, at      // 32 bytes of both rows
    ldr     q\d0, [x1, #\at]
    ldr     q\d1, [x1, #\at + 16]
    ldr     q\d2, [x2, #\at]
    ldr     q\d3, [x2, #\at + 16]
.endm

.macro GK_QDOT_MULTIPLY op, d0, d1, d2, d3  // \op each of \d, codes, digit
    \op     \d0, 24, 20
    \op     \d1, 25, 21
    \op     \d2, 26, 20
    \op     \d3, 27, 21
.endm

.macro GK_QDOT_NEXT at              // sums *= 128; the digit at \at comes
    shl     v28.4s, v28.4s, #7
    ldr     q20, [x3, #\at]
    shl     v29.4s, v29.4s, #7
    ldr     q21, [x3, #\at + 16]
    shl     v30.4s, v30.4s, #7
    shl     v31.4s, v31.4s, #7
.endm

.macro GK_QDOT_FLOATS at            // of the sums; the highest digit of the next 32 comes, after the last in vain
    scvtf   v28.4s, v28.4s
    ldr     q20, [x3, #\at + 32]
    scvtf   v30.4s, v30.4s
    ldr     q21, [x3, #\at + 48]
    scvtf   v29.4s, v29.4s
    scvtf   v31.4s, v31.4s
.endm

#ifdef GK_QDOT_SDOT

.macro SDOT d, n, m                 // sdot v\d.4s, v\n.16b, v\m.16b as a word: assemblers differ in enabling it
    .inst   0x4e809400 + (\m << 16) + (\n << 5) + \d
.endm

.macro GK_QDOT_DOT d, at            // v28 .. v31 = sums of four code X, as floats, for 32 of x
.if \d == 3
    movi    v28.2d, #0
    movi    v29.2d, #0
    movi    v30.2d, #0
    movi    v31.2d, #0
    GK_QDOT_MULTIPLY SDOT, SUMS
    GK_QDOT_NEXT \at + 256
    GK_QDOT_MULTIPLY SDOT, SUMS
    GK_QDOT_NEXT \at + 512
    GK_QDOT_MULTIPLY SDOT, SUMS
    GK_QDOT_FLOATS \at
.else
    mov     v28.16b, v7.16b
    mov     v29.16b, v7.16b
    mov     v30.16b, v7.16b
    mov     v31.16b, v7.16b
    GK_QDOT_MULTIPLY SDOT, SUMS
    fsub    v28.4s, v28.4s, v7.4s
    ldr     q20, [x3, #\at + 32]
    fsub    v30.4s, v30.4s, v7.4s
    ldr     q21, [x3, #\at + 48]
    fsub    v29.4s, v29.4s, v7.4s
    fsub    v31.4s, v31.4s, v7.4s
.endif
.endm

#else

#define PRODUCTS 22, 23, 4, 5

.macro EIGHT d, n, m                // the products of eight codes
    smull   v\d\().8h, v\n\().8b, v\m\().8b
.endm

.macro EIGHT_MORE d, n, m           // and of the other eight
    smlal2  v\d\().8h, v\n\().16b, v\m\().16b
.endm

.macro GK_QDOT_ADD                  // sums += products with the digit at hand
    GK_QDOT_MULTIPLY EIGHT, PRODUCTS
    GK_QDOT_MULTIPLY EIGHT_MORE, PRODUCTS
    sadalp  v28.4s, v22.8h
    sadalp  v29.4s, v23.8h
    sadalp  v30.4s, v4.8h
    sadalp  v31.4s, v5.8h
.endm

.macro GK_QDOT_DOT d, at            // v28 .. v31 = sums of four code X, as floats, for 32 of x
    GK_QDOT_MULTIPLY EIGHT, SUMS
    GK_QDOT_MULTIPLY EIGHT_MORE, SUMS
    saddlp  v28.4s, v28.8h
    saddlp  v29.4s, v29.8h
    saddlp  v30.4s, v30.8h
    saddlp  v31.4s, v31.8h
.if \d == 3
    GK_QDOT_NEXT \at + 256
    GK_QDOT_ADD
    GK_QDOT_NEXT \at + 512
    GK_QDOT_ADD
.endif
    GK_QDOT_FLOATS \at
.endm

#endif

.macro GK_QDOT_FMA first, second     // the sums += products times lanes of v2, v3: one for each 16 codes
    fmla    v0.4s, v28.4s, v2.s[\first]
    fmla    v1.4s, v30.4s, v3.s[\first]
    fmla    v0.4s, v29.4s, v2.s[\second]
    fmla    v1.4s, v31.4s, v3.s[\second]
.endm

.macro GK_QDOT_SCALES d, h, row     // v2, v3 = s times the scale of x, of 32 each, the h-th four; a row has \row bytes
    ldr     q28, [x3, #256*\d + 32*\h]
    ldr     q29, [x3, #256*\d + 32*\h + 16]
    ldr     q2, [x16, #16*\h]
    ldr     q3, [x16, #16*\h + \row]
    uzp1    v28.4s, v28.4s, v29.4s
    fmul    v2.4s, v2.4s, v28.4s
    fmul    v3.4s, v3.4s, v28.4s
.endm

.macro GK_QDOT_AHEAD at, lines      // lines of 64 bytes to come of a row: 3, 4 or 5
    prfm    pldl1keep, [\at, #1024]
    prfm    pldl1keep, [\at, #1024 + 64]
    prfm    pldl1keep, [\at, #1024 + 128]
.if \lines > 3
    prfm    pldl1keep, [\at, #1024 + 192]
.endif
.if \lines > 4
    prfm    pldl1keep, [\at, #1024 + 256]
.endif
.endm

.macro GK_QDOT_FOLD r               // total[r] += all lanes of sum[r] = 0
    ldr     q28, [x0, #128 + 16*\r]
    ldr     d30, [x0, #160 + 8*\r]
    movi    v29.4s, #0
    faddp   v28.4s, v28.4s, v28.4s
    faddp   s28, v28.2s
    fcvt    d28, s28
    fadd    d30, d30, d28
    str     q29, [x0, #128 + 16*\r]
    str     d30, [x0, #160 + 8*\r]
.endm

.macro GK_QDOT_ROWS d, bytes        // all rows: BLOCK \d for a block of both, within it HEAD \d for scales of the next
L(row\d):
    ldp     x5, x9, [x0]
    ldr     x10, [x0, #16]
    ldr     x4, [x0, #32]
    ldr     x7, [x0, #48]
    add     x9, x5, x9
    add     x6, x5, x10
    str     x9, [x0]
    movi    v0.4s, #0
    stp     q0, q0, [x0, #128]
    str     q0, [x0, #160]
    HEAD    \d
L(total\d):
    mov     w8, #16
    .balign 16
L(block\d):
    mov     x1, x5
    mov     x2, x6
    mov     x3, x7
    cmp     x4, #1
    add     x5, x5, #\bytes
    add     x6, x6, #\bytes
    add     x7, x7, #256*\d + 128
    csel    x5, x1, x5, eq
    csel    x6, x2, x6, eq
    csel    x7, x3, x7, eq
    mov     x9, x16
    mov     x16, x17
    mov     x17, x9
    ldr     q20, [x3]
    movi    v0.2d, #0
    ldr     q21, [x3, #16]
    movi    v1.2d, #0
    BLOCK   \d
    ldr     q28, [x0, #128]
    ldr     q29, [x0, #144]
    fadd    v28.4s, v28.4s, v0.4s
    fadd    v29.4s, v29.4s, v1.4s
    stp     q28, q29, [x0, #128]
    subs    x4, x4, #1
    b.eq    L(last\d)
    subs    w8, w8, #1
    b.ne    L(block\d)
    GK_QDOT_FOLD 0
    GK_QDOT_FOLD 1
    b       L(total\d)
L(last\d):
    GK_QDOT_FOLD 0
    GK_QDOT_FOLD 1
    ldp     d28, d29, [x0, #160]
    ldp     x9, x10, [x0, #56]
    fcvt    s28, d28
    fcvt    s29, d29
    str     s28, [x9]
    str     s29, [x9, x10, lsl #2]
    add     x9, x9, #4
    str     x9, [x0, #56]
    ldr     x9, [x0, #24]
    subs    x9, x9, #1
    str     x9, [x0, #24]
    b.ne    L(row\d)
.endm

.macro GK_QDOT_FUNC name, bytes     // the function, from SETUP, HEAD and BLOCK
GK_FUNC \name, 1
    GK_SAVE_D8_D15
    mov     w9, #0x4b400000
    dup     v7.4s, w9
    add     x16, x0, #192
    add     x17, x0, #192 + GK_QDOT_SET
    SETUP
    ldr     x9, [x0, #40]
    cmp     x9, #1
    b.eq    L(row1)
    GK_QDOT_ROWS 3, \bytes
    b       L(return)
    GK_QDOT_ROWS 1, \bytes
L(return):
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC \name
.endm

#endif
