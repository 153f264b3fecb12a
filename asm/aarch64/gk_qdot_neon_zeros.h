// gk_qdot_neon_zeros.h -- what rows of codes with an offset for each 32 have in common, by one row of x.
//
//   w = s q - m = s (q - z) + rest, z = round(m / s) in 0 .. TOP: rest and s (q - z) are 0 wherever w is.
//
//   scales of a block, 96 bytes for a row:  0 float s[8]   32 int32 z[8], whose low byte counts   64 float -rest[8]
//
//   v2, v3    s times the scale of x, four groups    v8,  v9   s, of groups 0 .. 3 and 4 .. 7
//   v28, v29  z of a group, in every byte            v10, v11  m, then -rest
//   v14       what is at hand                        v12, v13  m / s, then z as bits of 1.5 * 2^23 + z, which rounds
//
//   The format has TOP; HEAD_BITS \w and HEAD_FLOATS, which end with s, m and v12; BIAS, for z in v12, v13; LOW and
//   HIGH: codes of group \g, even or odd.

#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro HEAD_SECOND                  // apart from the first, which an in-order core would wait for
    fdiv    v13.4s, v11.4s, v9.4s
.endm

.macro HEAD_ZEROS r                 // z and rest, exact; all to memory
    movi    v14.4s, #0
    stp     q8, q9, [x17, #96*\r]
    fmaxnm  v12.4s, v12.4s, v14.4s  // NaN is 0
    fmaxnm  v13.4s, v13.4s, v14.4s
    fmov    v14.4s, #TOP
    fmin    v12.4s, v12.4s, v14.4s
    fmin    v13.4s, v13.4s, v14.4s
    fadd    v12.4s, v12.4s, v7.4s
    fadd    v13.4s, v13.4s, v7.4s
    fsub    v14.4s, v12.4s, v7.4s
    fmls    v10.4s, v14.4s, v8.4s
    fsub    v14.4s, v13.4s, v7.4s
    fmls    v11.4s, v14.4s, v9.4s
    BIAS
    stp     q12, q13, [x17, #96*\r + 32]
    stp     q10, q11, [x17, #96*\r + 64]
.endm

.macro HEAD d
    HEAD_BITS x5
    HEAD_FLOATS
    HEAD_SECOND
    HEAD_ZEROS 0
    HEAD_BITS x6
    HEAD_FLOATS
    HEAD_SECOND
    HEAD_ZEROS 1
.endm

.macro REST d, j, each              // of groups 2j, 2j + 1, to the sums
    ldr     q28, [x16, #16*(\j >> 1) + 64]
    ldr     q29, [x16, #16*(\j >> 1) + 160]
    ldr     q30, [x3, #256*\d + 64 + 16*\j]
    \each   v28.4s, v28.4s, v28.4s
    \each   v29.4s, v29.4s, v29.4s
    fmls    v0.4s, v28.4s, v30.4s
    fmls    v1.4s, v29.4s, v30.4s
.endm

.macro GROUP d, g, nibbles          // 32 codes of both rows
    ldr     q28, [x16, #16*(\g >> 2) + 32]
    ldr     q29, [x16, #16*(\g >> 2) + 128]
    \nibbles \g
    dup     v28.16b, v28.b[4*(\g & 3)]
    dup     v29.16b, v29.b[4*(\g & 3)]
    sub     v24.16b, v24.16b, v28.16b
    sub     v25.16b, v25.16b, v28.16b
    sub     v26.16b, v26.16b, v29.16b
    sub     v27.16b, v27.16b, v29.16b
    GK_QDOT_DOT \d, 32*\g
    GK_QDOT_FMA \g & 3, \g & 3
.endm

.macro GROUPS d, lines              // a block, and the scales of the next
    GK_QDOT_SCALES \d, 0, 96
    REST    \d, 0, zip1
    GK_QDOT_AHEAD x1, \lines
    GROUP   \d, 0, LOW
    HEAD_BITS x5
    GROUP   \d, 1, HIGH
    HEAD_FLOATS
    REST    \d, 1, zip2
    GROUP   \d, 2, LOW
    HEAD_SECOND
    GROUP   \d, 3, HIGH
    HEAD_ZEROS 0
    GK_QDOT_SCALES \d, 1, 96
    REST    \d, 2, zip1
    GK_QDOT_AHEAD x2, \lines
    GROUP   \d, 4, LOW
    HEAD_BITS x6
    GROUP   \d, 5, HIGH
    HEAD_FLOATS
    REST    \d, 3, zip2
    GROUP   \d, 6, LOW
    HEAD_SECOND
    GROUP   \d, 7, HIGH
    HEAD_ZEROS 1
.endm

#endif
