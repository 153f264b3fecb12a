// gk_qdot_neon_nvfp4.h -- rows of NVFP4 by a few rows of x, with dot products or without.
//
//   256 weights are four blocks of 36 bytes, two groups each: 4 scales e; for each 16 weights 8 bytes of nibbles, the
//   low halves of them first. w = s level[q], s = 128 times the f16 whose bits are e << 7, bit 7 of e aside, but 0 if e
//   is 0x7f.
//
//   v12  128     v13  0x7f

#define SCALES_OF_16
#define LEVELS
#define DEPTH 4
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_nibbles.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_FP4
    mov     w9, #0x43000000
    movi    v13.16b, #0x7f
    dup     v12.4s, w9
.endm

.macro EIGHT at, e                  // of f16 bits in v\e
    fcvtl   v2.4s, v\e\().4h
    fcvtl2  v3.4s, v\e\().8h
    fmul    v2.4s, v2.4s, v12.4s
    fmul    v3.4s, v3.4s, v12.4s
    stp     q2, q3, [x0, #\at]
.endm

.macro SCALES_OF at, w
    ldr     w9,  [\w]
    ldr     w10, [\w, #36]
    ldr     w11, [\w, #72]
    ldr     w12, [\w, #108]
    orr     x9, x9, x10, lsl #32
    orr     x11, x11, x12, lsl #32
    fmov    d0, x9
    mov     v0.d[1], x11
    cmeq    v1.16b, v0.16b, v13.16b
    bic     v0.16b, v0.16b, v1.16b
    shl     v1.8h, v0.8h, #1        // those of last halves, then of first ones
    shl     v0.8h, v0.8h, #9
    ushr    v1.8h, v1.8h, #2
    ushr    v0.8h, v0.8h, #2
    bic     v1.8h, #0x7f
    EIGHT   \at, 0
    EIGHT   \at + 32, 1
.endm

.macro LOADS at, w, a, b, c, d
    ldr     q\a, [\w, #\at]
    ldr     q\b, [\w, #\at + 16]
    ldr     q\c, [\w, #\at + 36]
    ldr     q\d, [\w, #\at + 52]
.endm

.macro CODES h
    LOADS   4 + 72*\h, x1, 16, 17, 20, 21
    LOADS   4 + 72*\h, x2, 24, 25, 28, 29
    GK_QDOT_FOUR 16, 17, 20, 21, 24, 25, 28, 29
    NIBBLE  16, 18
    NIBBLE  17, 19
    NIBBLE  20, 22
    NIBBLE  21, 23
    NIBBLE  24, 26
    NIBBLE  25, 27
    NIBBLE  28, 30
    NIBBLE  29, 31
.endm

#endif
