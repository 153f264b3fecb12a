// gk_qdot_neon_q45_1.h -- what rows of Q4_1 and Q5_1 by a few rows of x have in common: f16 scales and offsets.
//
//   256 weights are eight blocks of BYTES_OF_32, a group each, that open with f16 d, m. w = d q + m.

#include "gk_qdot_neon_zeros.h"
#ifdef __aarch64__

.macro FOUR d, w, at                // v\d = d and m of four blocks
    ldr     w9,  [\w, #BYTES_OF_32*(\at)]
    ldr     w10, [\w, #BYTES_OF_32*(\at + 1)]
    ldr     w11, [\w, #BYTES_OF_32*(\at + 2)]
    ldr     w12, [\w, #BYTES_OF_32*(\at + 3)]
    orr     x9, x9, x10, lsl #32
    orr     x11, x11, x12, lsl #32
    fmov    d\d, x9
    mov     v\d\().d[1], x11
.endm

.macro SCALES_OF w, s0, s1, m0, m1
    FOUR    \s0, \w, 0
    FOUR    \s1, \w, 4
    uzp2    v8.8h, v\s0\().8h, v\s1\().8h
    uzp1    v\s0\().8h, v\s0\().8h, v\s1\().8h
    fcvtl   v\m0\().4s, v8.4h
    fcvtl2  v\m1\().4s, v8.8h
    fcvtl2  v\s1\().4s, v\s0\().8h
    fcvtl   v\s0\().4s, v\s0\().4h
    fneg    v\m0\().4s, v\m0\().4s
    fneg    v\m1\().4s, v\m1\().4s
.endm

#endif
