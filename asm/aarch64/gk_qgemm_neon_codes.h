// gk_qgemm_neon_codes.h -- what the microkernels of panels of codes have in common.                                  NEON
//
//   void name(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);
//
//   t[r][c] = sum over groups of   d[r] * s[c] * (65536 n2 + 256 n1 + n0),   n = sum of x[.][r] * w[.][c]
//
//   x0  groups  0 allowed                   x: per digit, the highest first, int8 [groups][G / DEEP][rows][DEEP], DEEP
//   x1  digits  1 .. 3                         consecutive k of a row together; then float d[groups][rows]
//   x2  rows    1 .. 8                      codes: int8 [groups][G / DEEP][12][DEEP], as many k of a column together;
//   x3  x                                      then per group float s[12]
//   x4  codes
//   x5  t       [rows][12], written; the [rows][12] behind it are the kernel's own
//
//   x6  the digit of the group, x3 .. x10 in steps of x7   x8  d   x9  s   x12  the room behind t   w13  256, a float
//
//   24 sums of a digit are in v8 .. v31. They start from 1.5 * 2^23 (v7, as bits): |sum| < 2^20, so the bits of start +
//   sum are those of the float 1.5 * 2^23 + sum, and one subtraction converts exactly (scvtf has fewer pipes). Sums of
//   digits, floats, wait in the room.
//
//   A kernel has, for \rows rows: GK_CODES_CLEAR, no t yet, of v0; GK_CODES_DIGIT \rows, \g, the sums of the digit at x6,
//   as floats, x6 += x7; GK_CODES_KEEP, these to the room; GK_CODES_NEXT, f = 256 f + n with v3; GK_CODES_ADD, t += d s f;
//   GK_CODES_CLOSE, t as it is to be left.

#include "../gk_asm.h"
#ifdef __aarch64__

.macro GK_CODES_TILE rows, g
L(rows\rows):
    movi    v0.4s, #0
    GK_CODES_CLEAR \rows
    cbz     x0, L(done)
    add     x12, x5, #48*\rows
    mov     x7, #\rows*\g
    mul     x7, x7, x0
    madd    x8, x7, x1, x3
    mov     x10, x8
    .balign 32
L(group\rows):
    mov     x6, x3
    GK_CODES_DIGIT \rows, \g
    cmp     x6, x10
    b.hs    L(add\rows)
L(digit\rows):
    GK_CODES_KEEP \rows
    GK_CODES_DIGIT \rows, \g
    dup     v3.4s, w13
    GK_CODES_NEXT \rows
    cmp     x6, x10
    b.lo    L(digit\rows)
L(add\rows):
    GK_CODES_ADD \rows
    add     x3, x3, #\rows*\g
    add     x10, x10, #\rows*\g
    add     x8, x8, #4*\rows
    add     x4, x4, #12*\g
    add     x9, x9, #48
    subs    x0, x0, #1
    b.ne    L(group\rows)
    GK_CODES_CLOSE \rows
    b       L(done)
.endm

.macro GK_CODES_FUNC name, g
GK_FUNC \name, 6
    GK_SAVE_D8_D15
    mov     x9, #12*\g
    madd    x9, x9, x0, x4
    mov     w13, #0x43800000
    mov     w11, #0x4b400000
    dup     v7.4s, w11
    .irp rows, 1, 2, 3, 4, 5, 6, 7
    cmp     x2, #\rows
    b.eq    L(rows\rows)
    .endr
    .irp rows, 8, 7, 6, 5, 4, 3, 2, 1
    GK_CODES_TILE \rows, \g
    .endr
L(done):
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC \name
.endm

#endif
