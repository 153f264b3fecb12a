// gk_qdot_neon_q45_1.h -- what rows of Q4_1 and Q5_1 by one row of x have in common: f16 scales and offsets.
//
//   256 weights are eight blocks of BYTES_OF_32 that open with f16 d, m. w = d q + m.
//
//   v8 .. v11  d and m of two and two blocks, then s = d, and -m

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

.macro HEAD_BITS w
    FOUR    8, \w, 0
    FOUR    9, \w, 4
    uzp2    v11.8h, v8.8h, v9.8h
    uzp1    v9.8h, v8.8h, v9.8h
.endm

.macro HEAD_FLOATS
    fcvtl   v10.4s, v11.4h
    fcvtl   v8.4s, v9.4h
    fneg    v10.4s, v10.4s
    fcvtl2  v11.4s, v11.8h
    fcvtl2  v9.4s, v9.8h
    fneg    v11.4s, v11.4s
    fdiv    v12.4s, v10.4s, v8.4s
.endm

.macro BLOCK d
    GROUPS  \d, 3
.endm

#endif
