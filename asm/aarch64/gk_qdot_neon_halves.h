// gk_qdot_neon_halves.h -- what rows of blocks of BYTES_OF_32 that open with an f16 scale have in common, with dot products
// or without.

#ifdef __aarch64__

.macro FOUR d, w, bytes, at         // v\d = the 16 bits that open four blocks, from the \at-th
    ldrh    w9,  [\w, #\bytes*(\at)]
    ldrh    w10, [\w, #\bytes*(\at + 1)]
    ldrh    w11, [\w, #\bytes*(\at + 2)]
    ldrh    w12, [\w, #\bytes*(\at + 3)]
    orr     x9, x9, x10, lsl #16
    orr     x11, x11, x12, lsl #16
    orr     x9, x9, x11, lsl #32
    fmov    d\d, x9
.endm

#ifdef BYTES_OF_32

.macro SCALES_OF at, w
    FOUR    0, \w, BYTES_OF_32, 0
    FOUR    1, \w, BYTES_OF_32, 4
    fcvtl   v0.4s, v0.4h
    fcvtl   v1.4s, v1.4h
    stp     q0, q1, [x0, #\at]
.endm

#endif
#endif
