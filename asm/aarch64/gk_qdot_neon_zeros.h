// gk_qdot_neon_zeros.h -- what rows of codes with offsets have in common, with dot products or without.
//
//   w = s q - m = s (q - z) + rest, z = round(m / s) in 0 .. TOP: rest and s (q - z) are 0 wherever w is. Where codes are q
//   less BIAS, so is z.
//
//   v9  1.5 * 2^23: plus a number below 2^22 that rounds it

#define ROW_Z
#define RESTS
#ifndef SCALES_OF_16
#define BOTH_ROWS
#endif
#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro ROUNDING                     // v9
    movi    v9.4s, #0x4b, lsl #24
    orr     v9.4s, #0x40, lsl #16
.endm

.macro ZEROS_EACH op, m             // \op of each m / s and \m
    \op     v16.4s, v16.4s, \m
    \op     v17.4s, v17.4s, \m
    \op     v18.4s, v18.4s, \m
    \op     v19.4s, v19.4s, \m
.endm

.macro ZEROS a, b                   // of s in v0, v1 and v4, v5, m in v2, v3 and v6, v7, for rooms at \a and \b
    fdiv    v16.4s, v2.4s, v0.4s
    fdiv    v17.4s, v3.4s, v1.4s
    fdiv    v18.4s, v6.4s, v4.4s
    fdiv    v19.4s, v7.4s, v5.4s
    movi    v20.4s, #0
    fmov    v21.4s, #TOP
    stp     q0, q1, [x0, #\a]
    stp     q4, q5, [x0, #\b]
    ZEROS_EACH fmaxnm, v20.4s       // NaN is 0
    ZEROS_EACH fmin, v21.4s
    ZEROS_EACH fadd, v9.4s
    fsub    v20.4s, v16.4s, v9.4s
    fsub    v21.4s, v17.4s, v9.4s
    fsub    v22.4s, v18.4s, v9.4s
    fsub    v23.4s, v19.4s, v9.4s
#ifdef BIAS
    orr     v9.4s, #BIAS
#endif
    fmls    v2.4s, v20.4s, v0.4s    // -rest = m - z s, exact
    fmls    v3.4s, v21.4s, v1.4s
    fmls    v6.4s, v22.4s, v4.4s
    fmls    v7.4s, v23.4s, v5.4s
    ZEROS_EACH sub, v9.4s           // z
    stp     q2, q3, [x0, #\a + 64]
    stp     q6, q7, [x0, #\b + 64]
    stp     q16, q17, [x0, #\a + 128]
    stp     q18, q19, [x0, #\b + 128]
.endm

#ifndef SCALES_OF_16

.macro SCALES                       // by SCALES_OF w, s, s, m, m of the format, of the block at \w; v8 is free
    ROUNDING
    SCALES_OF x1, 0, 1, 2, 3
    SCALES_OF x2, 4, 5, 6, 7
    ZEROS   ROW, ROW + ROOM
.endm

#endif
#endif
