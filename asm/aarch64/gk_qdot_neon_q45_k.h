// gk_qdot_neon_q45_k.h -- what rows of Q4_K and Q5_K by one row of x have in common.
//
//   A block opens with f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes. w = d sc q - dmin mn = s (q - z) + rest,
//   z = round(dmin mn / d sc) in 0 .. TOP: rest and s (q - z) are 0 wherever w is.
//
//   scales of a block, 96 bytes for a row:  0 float s[8]   32 int32 z[8], of which the low byte counts   64 float -rest[8]
//
//   v2, v3    s times the scale of x, four groups    v8,  v9   sc, then s, of groups 0 .. 3 and 4 .. 7
//   v6        fifteens                               v10, v11  mn, then m = dmin mn, then -rest
//   v28, v29  z of a group, in every byte            v12, v13  m / s, then z as bits of 1.5 * 2^23 + z, which rounds
//   v15       0x4b40: above a byte n it makes        v14       d, dmin, then what is at hand
//             the float 1.5 * 2^23 + n
//
//   The format has TOP; BIAS, for z in v12, v13; LOW and HIGH: codes of group \g, even or odd, from nibbles.

#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro SETUP
    movi    v6.16b, #15
    mov     w9, #0x4b40
    dup     v15.8h, w9
.endm

.macro HEAD_BITS w                  // v8 = bytes sc | mn of groups 0 .. 3, v9 = of 4 .. 7
    ldur    x9, [\w, #4]
    ldr     w10, [\w, #12]
    ldr     s14, [\w]
    and     x11, x9, #0x3f3f3f3f3f3f3f3f
    lsr     x9, x9, #2
    orr     x10, x10, x10, lsl #28
    and     x9, x9, #0x3030303030303030
    and     x10, x10, #0x0f0f0f0f0f0f0f0f
    orr     x9, x9, x10
    fmov    d8, x11
    fmov    d9, x9
    fcvtl   v14.4s, v14.4h
.endm

.macro HEAD_FLOATS                  // s and m
    ushll   v8.8h, v8.8b, #0
    ushll   v9.8h, v9.8b, #0
    zip2    v10.8h, v8.8h, v15.8h
    zip2    v11.8h, v9.8h, v15.8h
    zip1    v8.8h, v8.8h, v15.8h
    zip1    v9.8h, v9.8h, v15.8h
    fsub    v10.4s, v10.4s, v7.4s
    fsub    v11.4s, v11.4s, v7.4s
    fsub    v8.4s, v8.4s, v7.4s
    fsub    v9.4s, v9.4s, v7.4s
    fmul    v10.4s, v10.4s, v14.s[1]
    fmul    v11.4s, v11.4s, v14.s[1]
    fmul    v8.4s, v8.4s, v14.s[0]
    fmul    v9.4s, v9.4s, v14.s[0]
    fdiv    v12.4s, v10.4s, v8.4s
.endm

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
