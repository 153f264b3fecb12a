// gk_qdot_neon_iq4_xs.h -- rows of IQ4_XS by a few rows of x, with dot products or without.
//
//   A block is 136 bytes: f16 d; sc[8] of 6 bits, the upper two in a word, the lower four in four bytes; 16 bytes
//   of nibbles for each group. w = d (sc - 32) level[q].
//
//   v12  1.5 * 2^23 + 32     v13  0x4b40: above a byte n it makes the float 1.5 * 2^23 + n

#define LEVELS
#define DEPTH 2
#include "gk_qdot_neon.h"
#include "gk_qdot_neon_nibbles.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_IQ4
    mov     w9, #0x4b400000
    mov     w10, #0x4b40
    add     w9, w9, #32
    dup     v13.8h, w10
    dup     v12.4s, w9
.endm

.macro SCALES_OF at, w
    ldr     w9,  [\w, #4]
    ldrh    w10, [\w, #2]
    ldr     h2,  [\w]
    orr     x9,  x9, x9, lsl #16
    orr     x10, x10, x10, lsl #24
    and     x9,  x9, #0x0000ffff0000ffff
    and     x10, x10, #0x000000ff000000ff
    orr     x9,  x9, x9, lsl #8
    orr     x10, x10, x10, lsl #12
    and     x9,  x9, #0x00ff00ff00ff00ff
    and     x10, x10, #0x000f000f000f000f
    orr     x9,  x9, x9, lsl #4
    orr     x10, x10, x10, lsl #6
    and     x9,  x9, #0x0f0f0f0f0f0f0f0f
    and     x10, x10, #0x0303030303030303
    orr     x9,  x9, x10, lsl #4
    fcvt    s2, h2
    fmov    d0, x9                  // sc
    ushll   v0.8h, v0.8b, #0
    zip2    v1.8h, v0.8h, v13.8h
    zip1    v0.8h, v0.8h, v13.8h
    fsub    v1.4s, v1.4s, v12.4s
    fsub    v0.4s, v0.4s, v12.4s
    fmul    v1.4s, v1.4s, v2.s[0]
    fmul    v0.4s, v0.4s, v2.s[0]
    stp     q0, q1, [x0, #\at]
.endm

.macro CODES h
    NIBBLES 8 + 64*\h, 16
.endm

#endif
