// gk_qdot_neon_16.h -- what rows with a scale for each 16 codes have in common, with dot products or without.
//
//   v9  1.5 * 2^23 + BIAS     v14  0x4b40: above a byte n it makes the float 1.5 * 2^23 + n
//
//   The format has SCALES_OF at, w: of the block at \w.

#define SCALES_OF_16
#define BOTH_ROWS
#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro SETUP_16
    mov     w9, #0x4b40
    dup     v14.8h, w9
.endm

.macro SCALES
    movi    v9.4s, #0x4b, lsl #24
    orr     v9.4s, #0x40, lsl #16
    orr     v9.4s, #BIAS
    SCALES_OF ROW, x1
    SCALES_OF ROW + ROOM, x2
.endm

.macro SCALES_16 at                 // d sc to the room at \at, of sixteen bytes plus BIAS in v0 and d in v8
    ushr    v2.8h, v0.8h, #8
    bic     v0.8h, #255, lsl #8
    zip2    v1.8h, v0.8h, v14.8h
    zip2    v3.8h, v2.8h, v14.8h
    zip1    v0.8h, v0.8h, v14.8h
    zip1    v2.8h, v2.8h, v14.8h
    fsub    v1.4s, v1.4s, v9.4s
    fsub    v3.4s, v3.4s, v9.4s
    fsub    v0.4s, v0.4s, v9.4s
    fsub    v2.4s, v2.4s, v9.4s
    fmul    v1.4s, v1.4s, v8.s[0]
    fmul    v3.4s, v3.4s, v8.s[0]
    fmul    v0.4s, v0.4s, v8.s[0]
    fmul    v2.4s, v2.4s, v8.s[0]
    stp     q0, q1, [x0, #\at]
    stp     q2, q3, [x0, #\at + 32]
.endm

#endif
