// gk_qpack_neondot.h -- what strips of rows by a few rows of x have in common.                       NEON and dot products
//
//   void gk_qpack_neondot_FORMAT_4(struct DotJob* job);          the job is used up
//
//   y[i * y_row + 4 s + r] = row r of strip s . row i of x, for up to sixteen rows of x, in fixed point of 1 or 3 digits
//
//   job:  0 strips   24 how many   32 blocks   40 digits   48 x   56 y   80 inputs   88 x_bytes   96 y_row
//         128 room of the format, for a block
//         192 of each input, 32 bytes apart: double total[4]
//
//   A strip, for each 256 of k: a head; then in each step of 64 of k scales and codes, a row in each word. x, for each step: int8
//   digit[D][64], from the highest, to base 128; 32 bytes of sums and scales. Layouts: packed rows, section [15].
//
//   x0  job                  x6  an input        v0 .. v2    sums by digits 2, 1 and 0, or by one
//   x1  the strip            x7  their end       v3          sums of a block
//   x2  x, x3 that of        x8  x_bytes less    v4 .. v7    free: codes
//       an input                 a block of x    v16 .. v21  two times sixteen of x, by digits
//   x4  blocks left          x9 .. x11  free     v22         what x has for a group of 32, or two of 16
//   w5  steps left                               v23 .. v25  free     v26 .. v31  of the format
//
//   Sums of a group are exact, by the lanes of rows. Sixteen FMA at most are a chain, which is added up in double: the order of
//   the twin.

#include "../gk_asm.h"
#ifdef __aarch64__

#define ROOM 128
#define TOTALS 192

// ---- sums of codes times digits

.macro SDOT d, n, m, i              // v\d += codes v\n by four of v\m, as a word: assemblers differ in enabling it
    .inst   0x4f80e000 + (((\i) % 2) << 21) + ((\m) << 16) + (((\i) / 2) << 11) + ((\n) << 5) + \d
.endm

.macro GK_QPACK_X d, h              // digits of 32 of a step
    ldp     q16, q17, [x3, #32*\h]
.if \d == 3
    ldp     q18, q19, [x3, #32*\h + 64]
    ldp     q20, q21, [x3, #32*\h + 128]
.endif
.endm

.macro GK_QPACK_DOT d, n, h, i      // codes v\n by quad \i of the h-th sixteen
    SDOT    0, \n, 16 + \h, \i
.if \d == 3
    SDOT    1, \n, 18 + \h, \i
    SDOT    2, \n, 20 + \h, \i
.endif
.endm

.macro GK_QPACK_CLEAR d
    movi    v0.2d, #0
.if \d == 3
    movi    v1.2d, #0
    movi    v2.2d, #0
.endif
.endm

.macro GK_QPACK_START d, e          // the sums begin with element \e of what x has: what the offset takes
.if \d == 3
    movi    v0.2d, #0
    movi    v1.2d, #0
    dup     v2.4s, v22.s[\e]
.else
    dup     v0.4s, v22.s[\e]
.endif
.endm

.macro GK_QPACK_JOIN d              // v0 = all digits
.if \d == 3
    shl     v0.4s, v0.4s, #7
    add     v0.4s, v0.4s, v1.4s
    shl     v0.4s, v0.4s, #7
    add     v0.4s, v0.4s, v2.4s
.endif
.endm

.macro GK_QPACK_D                   // of a block that is scaled as a whole, to v27
    ldr     d0, [x1]
    fcvtl   v27.4s, v0.4h
.endm

.macro GK_QPACK_TIMES_D
    fmul    v3.4s, v3.4s, v27.4s
.endm

.macro GK_QPACK_LEVELS_SETUP        // v26 = fifteens, v28 = the levels of IQ4 formats
    movi    v26.16b, #15
    mov     x9, #0x9881
    movk    x9, #0xbfad, lsl #16
    movk    x9, #0xddcf, lsl #32
    movk    x9, #0xf6ea, lsl #48
    mov     x11, #0x0d01
    movk    x11, #0x2619, lsl #16
    movk    x11, #0x4535, lsl #32
    movk    x11, #0x7159, lsl #48
    fmov    d28, x9
    mov     v28.d[1], x11
.endm

.macro GK_QPACK_NIBBLES d, at, levels=0     // of a group of 32: a byte has codes of k and k + 16; v26: fifteens
.irp i, 0, 1, 2, 3
    ldr     q4, [x1, #\at + 16*\i]
    and     v5.16b, v4.16b, v26.16b
    ushr    v4.16b, v4.16b, #4
.if \levels
    tbl     v5.16b, {v28.16b}, v5.16b
    tbl     v4.16b, {v28.16b}, v4.16b
.endif
    GK_QPACK_DOT \d, 5, 0, \i
    GK_QPACK_DOT \d, 4, 1, \i
.endr
.endm

// ---- sums by scales

.macro GK_QPACK_GROUP d, scale, e   // v3 += sums times v\scale and element \e of what x has
    GK_QPACK_JOIN \d
    fmul    v23.4s, v\scale\().4s, v22.s[\e]
    scvtf   v0.4s, v0.4s
    fmla    v3.4s, v0.4s, v23.4s
.endm

.macro GK_QPACK_SIX_BITS_HEAD       // v27, v28 = d, -dmin
    ldp     d0, d1, [x1]
    fcvtl   v27.4s, v0.4h
    fcvtl   v28.4s, v1.4h
    fneg    v28.4s, v28.4s
.endm

.macro GK_QPACK_SIX_BITS            // of words | sc << 4 | mn << 10 in v6: v23 = d sc, v24 = -dmin mn; v30, v31: where they are
    and     v23.16b, v6.16b, v30.16b
    and     v24.16b, v6.16b, v31.16b
    ucvtf   v23.4s, v23.4s, #4
    ucvtf   v24.4s, v24.4s, #10
    fmul    v23.4s, v23.4s, v27.4s
    fmul    v24.4s, v24.4s, v28.4s
.endm

.macro GK_QPACK_OFFSET_GROUP d      // z in v5: the rest, and whole steps
    scvtf   v25.4s, v5.4s
    fmla    v24.4s, v25.4s, v23.4s
    GK_QPACK_JOIN \d
    mla     v0.4s, v5.4s, v22.s[3]
    fmla    v3.4s, v24.4s, v22.s[1]
    fmul    v23.4s, v23.4s, v22.s[0]
    scvtf   v0.4s, v0.4s
    fmla    v3.4s, v0.4s, v23.4s
.endm

.macro GK_QPACK_SCALES op           // v24, v25 = sixteen bytes of the step as words, by sshll or ushll
    ldr     q25, [x1]
    \op     v24.8h, v25.8b, #0
    \op\()2 v25.8h, v25.16b, #0
.endm

.macro GK_QPACK_SCALE op, g         // v23 = those of group \g, as integers
.if \g == 0
    \op     v23.4s, v24.4h, #0
.elseif \g == 1
    \op\()2 v23.4s, v24.8h, #0
.elseif \g == 2
    \op     v23.4s, v25.4h, #0
.else
    \op\()2 v23.4s, v25.8h, #0
.endif
.endm

// ---- the function

.macro GK_QPACK_INPUTS label        // the end of a loop over inputs
    add     x6, x6, #32
    cmp     x6, x7
    b.lo    \label
.endm

.macro GK_QPACK_AHEAD bytes         // so many further on come to L2
.irp line, 0, 64, 128, 192, 256
.if \line < \bytes
    prfm    pldl2keep, [x1, #4096 + \line]
.endif
.endr
.endm

.macro GK_QPACK_STRIPS d, head, step, block, open, fold
L(strip\d):
    ldr     x4, [x0, #32]
    ldr     x2, [x0, #48]
    add     x6, x0, #TOTALS
    movi    v0.2d, #0
L(open\d):
    stp     q0, q0, [x6]
    GK_QPACK_INPUTS L(open\d)
L(block\d):
    \block
.if \head
    add     x1, x1, #\head
.endif
    mov     x3, x2
    add     x6, x0, #TOTALS
L(input\d):
    movi    v3.2d, #0
    \open
    mov     w5, #4
    .balign 16
L(step\d):
    GK_QPACK_AHEAD \head/4 + \step
    STEP    \d
    add     x1, x1, #\step
    add     x3, x3, #64*\d + 32
    subs    w5, w5, #1
    b.ne    L(step\d)
    \fold
    ldp     q0, q1, [x6]
    fcvtl   v4.2d, v3.2s
    fcvtl2  v5.2d, v3.4s
    fadd    v0.2d, v0.2d, v4.2d
    fadd    v1.2d, v1.2d, v5.2d
    stp     q0, q1, [x6]
    sub     x1, x1, #4*\step
    add     x3, x3, x8
    GK_QPACK_INPUTS L(input\d)
    add     x1, x1, #4*\step
    add     x2, x2, #4*(64*\d + 32)
    subs    x4, x4, #1
    b.ne    L(block\d)
    ldr     x9, [x0, #56]
    ldr     x10, [x0, #96]
    add     x11, x9, #16
    str     x11, [x0, #56]
    add     x6, x0, #TOTALS
L(store\d):
    ldp     q0, q1, [x6]
    fcvtn   v0.2s, v0.2d
    fcvtn2  v0.4s, v1.2d
    str     q0, [x9]
    add     x9, x9, x10, lsl #2
    GK_QPACK_INPUTS L(store\d)
    ldr     x9, [x0, #24]
    subs    x9, x9, #1
    str     x9, [x0, #24]
    b.ne    L(strip\d)
    GK_RETURN
.endm

// The function, from STEP d. What else a format has are names of macros, or nothing: `setup` for all, `block` for what a block
// begins with, `open` for an input, `fold` for its sums of a block.
.macro GK_QPACK_FUNC name, head, step, setup, block, open, fold
GK_FUNC \name, 1
    ldr     x9, [x0, #80]
    ldr     x8, [x0, #88]
    ldr     x10, [x0, #40]
    ldr     x1, [x0]
    add     x7, x0, #TOTALS
    add     x7, x7, x9, lsl #5
    \setup
    cmp     x10, #1
    b.eq    L(one)
    sub     x8, x8, #4*(3*64 + 32)
    GK_QPACK_STRIPS 3, \head, \step, \block, \open, \fold
L(one):
    sub     x8, x8, #4*(64 + 32)
    GK_QPACK_STRIPS 1, \head, \step, \block, \open, \fold
GK_ENDFUNC \name
.endm

#endif
