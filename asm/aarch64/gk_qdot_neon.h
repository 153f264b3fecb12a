// gk_qdot_neon.h -- what rows of codes by a few rows of x have in common.                   NEON, or NEON and dot products
//
//   void gk_qdot_neon_FORMAT_2(struct DotJob* job);              the job is used up: rows, blocks and inputs are not 0
//   void gk_qdot_neondot_FORMAT_2(struct DotJob* job);           the same, where GK_QDOT_SDOT is defined
//
//   y[i * y_row + s * y_segment + r] = row r of segment s of W . row i of x, for two segments and up to sixteen rows of x, in
//   fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         72 codebook  80 inputs     88 x_bytes         96 y_row
//         ROOM of each row:  0 float s[2][8]    64 -rest[2][8]    128 int32 z[2][8]    192 room of the format
//         INPUT of each input, 96 bytes apart:  float sum[2][8]; double total[2]
//
//   x, a block of 256:  0      int8 digit 2, 1 and 0, or one, [8][8][4] each: vector j has four of each group of 32, from
//                              4 j on; to base 128, and but digit 2 is signed
//                       D 256  float d[8]; of groups of 32: int32 minus[8], -sum X; float sum[8]
//                 D 256 + 128  of groups of 16, first those that are the first halves: int32 minus[2][8], float sum[2][8]
//
//   x0  job                       x6  x of an input      v0 .. v9    free
//   x1, x2  blocks of both rows   x7  an input           v10 .. v15  of the format, but v10 has Z
//   x3  x                         x8  their end          v16 .. v23  128 codes of row 0, eight times four groups
//   x4  blocks left               x9 .. x13  free        v24 .. v31  of row 1
//   x5  .. of the chain           x14 .. x16 of the format           x17  x_bytes
//
//   A block is made ready by SCALES_OF at, w of the format, from \w to the room at \at of the job, or with BOTH_ROWS by SCALES;
//   then, half by half of its groups, by CODES h. These stay in registers for all inputs. A lane is then the sum of code X of a
//   group of 32, or of 16: exact, with what the offset takes; then one FMA. Eight blocks are a chain of FMA, chains are added
//   up in double: the order of the twin, code_rows in section [15].
//
//   Nothing is lost: |code - offset| <= 128 and |X| <= 63 2^13, so that 32 products are below 2^31, and what wraps on the way
//   comes back. Without dot products DEPTH products are added in 16 bits: |digit| <= 127, so that DEPTH |code| is at most 258.
//   Of three digits |digit 2| <= 32, and TOP_DEPTH |code| is at most 1023.
//
//   A format may have Z, the offset of its codes, or ROW_Z, at 128 of its room; RESTS, at 64; SCALES_OF_16.

#include "../gk_asm.h"
#ifdef __aarch64__

#define ROW   128                   // of the job: the rooms of rows
#define ROOM  384
#define INPUT 896

#ifdef SCALES_OF_16
#define PARTS 2
#define X_MINUS 128                 // and sums of x, behind digits
#define X_SUMS 192
#else
#define PARTS 1
#define X_MINUS 32
#define X_SUMS 64
#endif
#if DEPTH <= 2 || PARTS == 2
#define TOP_DEPTH 4
#else
#define TOP_DEPTH 8
#endif

.macro GK_QDOT_WORDS d, a, b, c, e, f, g, h, i      // v\d = eight words of constants
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

// ---- codes by lanes --------------------------------------------------------------

.macro GK_QDOT_FIRST a, b, c, d, t0, t1, t2, t3     // of 16 of four groups quads 0 .. 3, in two steps
    trn1    v\t0\().4s, v\a\().4s, v\b\().4s
    trn2    v\t1\().4s, v\a\().4s, v\b\().4s
    trn1    v\t2\().4s, v\c\().4s, v\d\().4s
    trn2    v\t3\().4s, v\c\().4s, v\d\().4s
.endm

.macro GK_QDOT_SECOND a, b, c, d, t0, t1, t2, t3
    trn1    v\a\().2d, v\t0\().2d, v\t2\().2d
    trn1    v\b\().2d, v\t1\().2d, v\t3\().2d
    trn2    v\c\().2d, v\t0\().2d, v\t2\().2d
    trn2    v\d\().2d, v\t1\().2d, v\t3\().2d
.endm

.macro GK_QDOT_FOUR a, b, c, d, e, f, g, h      // of \a .. \d, row 0, and \e .. \h, row 1, in place
    GK_QDOT_FIRST \a, \b, \c, \d, 0, 1, 2, 3
    GK_QDOT_FIRST \e, \f, \g, \h, 4, 5, 6, 7
    GK_QDOT_SECOND \a, \b, \c, \d, 0, 1, 2, 3
    GK_QDOT_SECOND \e, \f, \g, \h, 4, 5, 6, 7
.endm

// Of half h of groups, by SIXTEEN h, q, w, a, b, c, d of the format: the q-th 16 of four groups of the block at \w, to the
// four registers. v4 .. v9 are free.
.macro GK_QDOT_HALVES h
    SIXTEEN \h, 0, x1, 16, 17, 18, 19
    SIXTEEN \h, 0, x2, 24, 25, 26, 27
    GK_QDOT_FOUR 16, 17, 18, 19, 24, 25, 26, 27
    SIXTEEN \h, 1, x1, 20, 21, 22, 23
    SIXTEEN \h, 1, x2, 28, 29, 30, 31
    GK_QDOT_FOUR 20, 21, 22, 23, 28, 29, 30, 31
.endm

.macro GK_QDOT_LOAD w, at, step, a, b, c, d     // 16 bytes of \w at \at, \step apart
    ldr     q\a, [\w, #\at]
    ldr     q\b, [\w, #\at + \step]
    ldr     q\c, [\w, #\at + 2*(\step)]
    ldr     q\d, [\w, #\at + 3*(\step)]
.endm

// ---- codes by digits -------------------------------------------------------------
//
//   GK_QDOT_DOTS d, h, p, then JOIN_1 .. 3    v2, v5 = sums of code X of the two rows, of half h of groups, of part p. After
//                                             JOIN_1 v2 and v5 can be added to; v0, v3, v6 .. v9 are free

#ifdef GK_QDOT_SDOT

.macro SDOT d, n, e                 // v\d += codes v\n by digits e, as a word: assemblers differ in enabling it
    .inst   0x4e809400 + ((6 + (\e) % 4) << 16) + ((\n) << 5) + \d
.endm

.macro GK_QDOT_X e, at              // digits e of part of x: v6 .. v9 by turns
.if (\e) % 4 == 0
    ldr     q6, [x6, #\at]
.elseif (\e) % 4 == 1
    ldr     q7, [x6, #\at]
.elseif (\e) % 4 == 2
    ldr     q8, [x6, #\at]
.else
    ldr     q9, [x6, #\at]
.endif
.endm

.macro GK_QDOT_QUAD d, j, at, ahead // quad j, and what of x comes next
.if \d == 3
.if \ahead
    GK_QDOT_X 3*(\j) + 3, 32*(\j) + 32 + \at
.endif
    SDOT    0, 16 + (\j), 3*(\j)
    SDOT    3, 24 + (\j), 3*(\j)
.if \ahead
    GK_QDOT_X 3*(\j) + 4, 32*(\j) + 32 + 256 + \at
.endif
    SDOT    1, 16 + (\j), 3*(\j) + 1
    SDOT    4, 24 + (\j), 3*(\j) + 1
.if \ahead
    GK_QDOT_X 3*(\j) + 5, 32*(\j) + 32 + 512 + \at
.endif
    SDOT    2, 16 + (\j), 3*(\j) + 2
    SDOT    5, 24 + (\j), 3*(\j) + 2
.else                               // every other quad: shorter chains
.if \ahead
    GK_QDOT_X (\j) + 1, 32*(\j) + 32 + \at
.endif
.if (\j) % 2
    SDOT    1, 16 + (\j), (\j)
    SDOT    4, 24 + (\j), (\j)
.else
    SDOT    2, 16 + (\j), (\j)
    SDOT    5, 24 + (\j), (\j)
.endif
.endif
.endm

.macro GK_QDOT_DOTS d, h, p
#ifdef Z
    ldr     q2, [x6, #256*\d + X_MINUS + 32*\p + 16*\h]
#endif
.if \d == 3
    GK_QDOT_X 12*\p, 128*\p + 16*\h
    GK_QDOT_X 12*\p + 1, 128*\p + 256 + 16*\h
    GK_QDOT_X 12*\p + 2, 128*\p + 512 + 16*\h
    movi    v0.2d, #0
    movi    v3.2d, #0
.else
    GK_QDOT_X 4*\p, 128*\p + 16*\h
.endif
    movi    v1.2d, #0
    movi    v4.2d, #0
#ifdef Z
    mul     v2.4s, v2.4s, v10.4s
    mov     v5.16b, v2.16b
#else
    movi    v2.2d, #0
    movi    v5.2d, #0
#endif
    GK_QDOT_QUAD \d, 4*\p, 16*\h, 1
    GK_QDOT_QUAD \d, 4*\p + 1, 16*\h, 1
    GK_QDOT_QUAD \d, 4*\p + 2, 16*\h, 1
    GK_QDOT_QUAD \d, 4*\p + 3, 16*\h, 2 - PARTS
.if PARTS == 1
    GK_QDOT_QUAD \d, 4, 16*\h, 1
    GK_QDOT_QUAD \d, 5, 16*\h, 1
    GK_QDOT_QUAD \d, 6, 16*\h, 1
    GK_QDOT_QUAD \d, 7, 16*\h, 0
.endif
.if \d == 3
    shl     v0.4s, v0.4s, #7
    shl     v3.4s, v3.4s, #7
.endif
.endm

.macro GK_QDOT_JOIN_1 d
.if \d == 3
    add     v1.4s, v1.4s, v0.4s
    add     v4.4s, v4.4s, v3.4s
.endif
.endm

.macro GK_QDOT_JOIN_2 d
.if \d == 3
    shl     v1.4s, v1.4s, #7
    shl     v4.4s, v4.4s, #7
.endif
.endm

.macro GK_QDOT_JOIN_3
    add     v2.4s, v2.4s, v1.4s
    add     v5.4s, v5.4s, v4.4s
.endm

#else

.macro GK_QDOT_QUAD i, at, j, p, depth, a, b, x
    ldr     q\x, [x6, #\at + 32*(\j)]
.if (\j) % \depth == 0
    smull   v5.8h, v\a\().8b, v\x\().8b
    smull2  v6.8h, v\a\().16b, v\x\().16b
    smull   v7.8h, v\b\().8b, v\x\().8b
    smull2  v8.8h, v\b\().16b, v\x\().16b
.else
    smlal   v5.8h, v\a\().8b, v\x\().8b
    smlal2  v6.8h, v\a\().16b, v\x\().16b
    smlal   v7.8h, v\b\().8b, v\x\().8b
    smlal2  v8.8h, v\b\().16b, v\x\().16b
.endif
.if (\j) % \depth == \depth - 1
.if \i == 0 && (\j) - 4*\p < \depth
    GK_QDOT_PAIRS saddlp
.else
    GK_QDOT_PAIRS sadalp
.endif
.endif
.endm

.macro GK_QDOT_PAIRS op             // sums by pairs
    \op     v0.4s, v5.8h
    \op     v1.4s, v6.8h
    \op     v3.4s, v7.8h
    \op     v4.4s, v8.8h
.endm

.macro GK_QDOT_DIGIT i, at, p, depth        // digit \i of those there are
.if \p == 0
    GK_QDOT_QUAD \i, \at, 0, \p, \depth, 16, 24, 2
    GK_QDOT_QUAD \i, \at, 1, \p, \depth, 17, 25, 9
    GK_QDOT_QUAD \i, \at, 2, \p, \depth, 18, 26, 2
    GK_QDOT_QUAD \i, \at, 3, \p, \depth, 19, 27, 9
.endif
.if \p == 1 || PARTS == 1
    GK_QDOT_QUAD \i, \at, 4, \p, \depth, 20, 28, 2
    GK_QDOT_QUAD \i, \at, 5, \p, \depth, 21, 29, 9
    GK_QDOT_QUAD \i, \at, 6, \p, \depth, 22, 30, 2
    GK_QDOT_QUAD \i, \at, 7, \p, \depth, 23, 31, 9
.endif
.endm

.macro GK_QDOT_SHIFT
    shl     v0.4s, v0.4s, #7
    shl     v1.4s, v1.4s, #7
    shl     v3.4s, v3.4s, #7
    shl     v4.4s, v4.4s, #7
.endm

.macro GK_QDOT_DOTS d, h, p
.if \d == 3
    GK_QDOT_DIGIT 0, 16*\h, \p, TOP_DEPTH
    GK_QDOT_SHIFT
    GK_QDOT_DIGIT 1, 16*\h + 256, \p, DEPTH
    GK_QDOT_SHIFT
    GK_QDOT_DIGIT 2, 16*\h + 512, \p, DEPTH
.else
    GK_QDOT_DIGIT 0, 16*\h, \p, DEPTH
.endif
.endm

.macro GK_QDOT_JOIN_1 d
    addp    v2.4s, v0.4s, v1.4s
    addp    v5.4s, v3.4s, v4.4s
.endm

.macro GK_QDOT_JOIN_2 d
.endm

.macro GK_QDOT_JOIN_3
.endm

#endif

// ---- sums by scales --------------------------------------------------------------

.macro GK_QDOT_OFFSETS d, at        // -sum X times what codes are less
#if defined Z && !defined GK_QDOT_SDOT
    ldr     q9, [x6, #256*\d + X_MINUS + \at]
    mla     v2.4s, v9.4s, v10.4s
    mla     v5.4s, v9.4s, v10.4s
#elif defined ROW_Z
    ldr     q9, [x6, #256*\d + X_MINUS + \at]
    ldr     q0, [x0, #ROW + 128 + \at]
    ldr     q3, [x0, #ROW + ROOM + 128 + \at]
    mla     v2.4s, v9.4s, v0.4s
    mla     v5.4s, v9.4s, v3.4s
#endif
.endm

.macro GK_QDOT_RESTS d, at
#ifdef RESTS
    ldr     q9, [x6, #256*\d + X_SUMS + \at]
    ldr     q1, [x0, #ROW + 64 + \at]
    ldr     q4, [x0, #ROW + ROOM + 64 + \at]
    fmls    v0.4s, v1.4s, v9.4s
    fmls    v3.4s, v4.4s, v9.4s
#endif
.endm

.macro GK_QDOT_PART d, h, p         // the sums += those of code X less their offsets, times scales
    GK_QDOT_DOTS \d, \h, \p
    ldr     q6, [x6, #256*\d + 16*\h]
    ldr     q7, [x0, #ROW + 32*\p + 16*\h]
    ldr     q8, [x0, #ROW + ROOM + 32*\p + 16*\h]
    GK_QDOT_JOIN_1 \d
    GK_QDOT_OFFSETS \d, 32*\p + 16*\h
    fmul    v7.4s, v7.4s, v6.4s
    fmul    v8.4s, v8.4s, v6.4s
    ldr     q0, [x7, #16*\h]
    GK_QDOT_JOIN_2 \d
    ldr     q3, [x7, #16*\h + 32]
    GK_QDOT_JOIN_3
    GK_QDOT_RESTS \d, 32*\p + 16*\h
    scvtf   v2.4s, v2.4s
    scvtf   v5.4s, v5.4s
    fmla    v0.4s, v2.4s, v7.4s
    fmla    v3.4s, v5.4s, v8.4s
    str     q0, [x7, #16*\h]
    str     q3, [x7, #16*\h + 32]
.endm

// ---- the function ----------------------------------------------------------------

.macro GK_QDOT_EACH label           // the end of a loop over inputs
    add     x7, x7, #96
    cmp     x7, x8
    b.lo    \label
.endm

.macro GK_QDOT_INPUTS d, h          // half h of groups of all inputs
    mov     x6, x3
    add     x7, x0, #INPUT
    .balign 16
L(inputs\d\h):
    GK_QDOT_PART \d, \h, 0
.if PARTS == 2
    GK_QDOT_PART \d, \h, 1
.endif
    add     x6, x6, x17
    GK_QDOT_EACH L(inputs\d\h)
.endm

.macro GK_QDOT_ONE h                // of one digit, and back
L(one\h):
    GK_QDOT_INPUTS 1, \h
    b       L(next\h)
.endm

.macro GK_QDOT_HALF h               // of a block
    CODES   \h
    ldr     x9, [x0, #40]
    tbz     x9, #1, L(one\h)
    GK_QDOT_INPUTS 3, \h
.if \h == 1
    add     x3, x3, #512
.endif
L(next\h):
.endm

.macro GK_QDOT_AHEAD bytes          // lines of both rows that are to come
.irp line, 0, 64, 128, 192, 256
.if \line < \bytes
    prfm    pldl1keep, [x1, #1024 + \line]
    prfm    pldl1keep, [x2, #1024 + \line]
.endif
.endr
.endm

.macro GK_QDOT_FOLD r               // d2 = total[r] + all lanes of sum[r], which are 0 then
    ldp     q0, q1, [x7, #32*\r]
    ldr     d2, [x7, #64 + 8*\r]
    fadd    v0.4s, v0.4s, v1.4s
    movi    v1.2d, #0
    faddp   v0.4s, v0.4s, v0.4s
    faddp   s0, v0.2s
    fcvt    d0, s0
    fadd    d2, d2, d0
    stp     q1, q1, [x7, #32*\r]
.endm

.macro GK_QDOT_FUNC name, bytes     // the function, from SETUP, SCALES_OF and CODES
GK_FUNC \name, 1
    GK_SAVE_D8_D15
#ifdef Z
    movi    v10.4s, #Z
#endif
    SETUP
    ldr     x9, [x0, #80]
    ldr     x17, [x0, #88]
    mov     x10, #96
    add     x7, x0, #INPUT
    madd    x8, x9, x10, x7
    movi    v0.2d, #0
L(open):
    stp     q0, q0, [x7]
    stp     q0, q0, [x7, #32]
    str     q0, [x7, #64]
    GK_QDOT_EACH L(open)
L(row):
    ldp     x1, x9, [x0]
    ldr     x10, [x0, #16]
    ldr     x4, [x0, #32]
    ldr     x3, [x0, #48]
    add     x9, x1, x9
    add     x2, x1, x10
    str     x9, [x0]
L(chain):
    mov     w5, #8
    .balign 16
L(block):
    GK_QDOT_AHEAD \bytes
#ifdef BOTH_ROWS
    SCALES
#else
    SCALES_OF ROW, x1
    SCALES_OF ROW + ROOM, x2
#endif
    GK_QDOT_HALF 0
    GK_QDOT_HALF 1
    add     x1, x1, #\bytes
    add     x2, x2, #\bytes
    add     x3, x3, #512
    subs    x4, x4, #1
    b.eq    L(last)
    subs    w5, w5, #1
    b.ne    L(block)
    add     x7, x0, #INPUT
L(fold):
    GK_QDOT_FOLD 0
    str     d2, [x7, #64]
    GK_QDOT_FOLD 1
    str     d2, [x7, #72]
    GK_QDOT_EACH L(fold)
    b       L(chain)
    GK_QDOT_ONE 0
    GK_QDOT_ONE 1
L(last):
    add     x7, x0, #INPUT
    ldp     x9, x10, [x0, #56]
    ldr     x11, [x0, #96]
    add     x12, x9, #4
    str     x12, [x0, #56]
L(store):
    GK_QDOT_FOLD 0
    fcvt    s2, d2
    str     s2, [x9]
    GK_QDOT_FOLD 1
    fcvt    s2, d2
    str     s2, [x9, x10, lsl #2]
    str     q1, [x7, #64]
    add     x9, x9, x11, lsl #2
    GK_QDOT_EACH L(store)
    ldr     x9, [x0, #24]
    subs    x9, x9, #1
    str     x9, [x0, #24]
    b.ne    L(row)
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC \name
.endm

#endif
