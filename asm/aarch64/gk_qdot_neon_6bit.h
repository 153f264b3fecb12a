// gk_qdot_neon_6bit.h -- what rows of Q4_K and Q5_K by a few rows of x have in common: scales of 6 bits.
//
//   A block begins with f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes. w = d sc q - dmin mn.
//
//   v14  0x4b40: above a byte n it makes the float 1.5 * 2^23 + n

#include "gk_qdot_neon_zeros.h"
#ifdef __aarch64__

.macro SETUP_6BIT
    mov     w9, #0x4b40
    dup     v14.8h, w9
.endm

.macro SCALES_OF w, s0, s1, m0, m1
    ldur    x9, [\w, #4]
    ldr     w10, [\w, #12]
    ldr     s8, [\w]
    and     x11, x9, #0x3f3f3f3f3f3f3f3f
    lsr     x9, x9, #2
    orr     x10, x10, x10, lsl #28
    and     x9, x9, #0x3030303030303030
    and     x10, x10, #0x0f0f0f0f0f0f0f0f
    orr     x9, x9, x10
    fmov    d\s0, x11               // sc | mn of groups 0 .. 3
    fmov    d\s1, x9                // of 4 .. 7
    fcvtl   v8.4s, v8.4h
    ushll   v\s0\().8h, v\s0\().8b, #0
    ushll   v\s1\().8h, v\s1\().8b, #0
    zip2    v\m0\().8h, v\s0\().8h, v14.8h
    zip2    v\m1\().8h, v\s1\().8h, v14.8h
    zip1    v\s0\().8h, v\s0\().8h, v14.8h
    zip1    v\s1\().8h, v\s1\().8h, v14.8h
    fsub    v\m0\().4s, v\m0\().4s, v9.4s
    fsub    v\m1\().4s, v\m1\().4s, v9.4s
    fsub    v\s0\().4s, v\s0\().4s, v9.4s
    fsub    v\s1\().4s, v\s1\().4s, v9.4s
    fmul    v\m0\().4s, v\m0\().4s, v8.s[1]     // m = dmin mn
    fmul    v\m1\().4s, v\m1\().4s, v8.s[1]
    fmul    v\s0\().4s, v\s0\().4s, v8.s[0]     // s = d sc
    fmul    v\s1\().4s, v\s1\().4s, v8.s[0]
.endm

#endif
