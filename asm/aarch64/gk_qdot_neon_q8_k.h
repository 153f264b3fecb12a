// gk_qdot_neon_q8_k.h -- rows of Q8_K by one row of x.
//
//   A block is 292 bytes: f32 d; int8 q[256]; 32 that are not read. w = d q. Where |d| is beyond what codes serve,
//   2^-40 .. 2^60 and 0, the row is NaN: its caller takes another way.
//
//   x14  the bits of 2^-40     x15  those of 2^60, less x14

#define LINES 5
#include "gk_qdot_neon_eight.h"
#ifdef __aarch64__

.macro SETUP
    mov     w14, #0x2b800000
    mov     w15, #0x32000000
.endm

.macro SCALES w
    ldr     w9, [\w]
    and     w10, w9, #0x7fffffff
    sub     w11, w10, w14
    cmp     w11, w15
    ccmp    w10, #0, #4, hi         // equal: 0, or within
    csinv   w9, w9, wzr, eq
    dup     v8.4s, w9
    dup     v9.4s, w9
.endm

.macro GROUP d, g
    ldur    q24, [x1, #4 + 32*\g]
    ldur    q25, [x1, #20 + 32*\g]
    ldur    q26, [x2, #4 + 32*\g]
    ldur    q27, [x2, #20 + 32*\g]
    PRODUCTS_OF \d, \g
.endm

#endif
