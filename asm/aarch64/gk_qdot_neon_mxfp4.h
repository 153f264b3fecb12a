// gk_qdot_neon_mxfp4.h -- rows of MXFP4 by a few rows of x, with dot products or without.
//
//   256 weights are eight blocks of 17 bytes, a group each: e; 16 bytes of nibbles, low ones first. w = 2^(e - 128)
//   level[q]. Where that is beyond what codes serve, 2^-40 .. 2^60, the row is NaN: its caller takes another way.
//
//   v12  138: e is at most 50 off     v13  50

#define LEVELS
#define DEPTH 8
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_halves.h"
#include "gk_qdot_neon_nibbles.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_FP4
    movi    v12.4s, #138
    movi    v13.4s, #50
.endm

.macro SCALES_OF at, w
    FOUR    0, \w, 17, 0
    FOUR    1, \w, 17, 4
    movi    v4.4s, #128, lsl #16
    bic     v0.4h, #255, lsl #8
    bic     v1.4h, #255, lsl #8
    ushll   v0.4s, v0.4h, #0
    ushll   v1.4s, v1.4h, #0
    uabd    v2.4s, v0.4s, v12.4s
    uabd    v3.4s, v1.4s, v12.4s
    shl     v0.4s, v0.4s, #23
    shl     v1.4s, v1.4s, #23
    cmhi    v2.4s, v2.4s, v13.4s
    cmhi    v3.4s, v3.4s, v13.4s
    sub     v0.4s, v0.4s, v4.4s
    sub     v1.4s, v1.4s, v4.4s
    orr     v0.16b, v0.16b, v2.16b
    orr     v1.16b, v1.16b, v3.16b
    stp     q0, q1, [x0, #\at]
.endm

.macro CODES h
    NIBBLES 1 + 68*\h, 17
.endm

#endif
