// gk_qdot_neon_q45_k.h -- what rows of Q4_K and Q5_K by one row of x have in common.
//
//   A block opens with f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes. w = d sc q - dmin mn.
//
//   v6   fifteens     v8 .. v11  sc and mn, then s = d sc and m = dmin mn     v14  d, dmin
//   v15  0x4b40: above a byte n it makes the float 1.5 * 2^23 + n

#include "gk_qdot_neon_zeros.h"
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

#endif
