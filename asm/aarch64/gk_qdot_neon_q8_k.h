// gk_qdot_neon_q8_k.h -- rows of Q8_K by a few rows of x, with dot products or without.
//
//   A block is 292 bytes: f32 d; int8 q[256]; 32 that are not read. w = d q. Where |d| is beyond what codes serve,
//   2^-40 .. 2^60 and 0, the row is NaN: its caller takes another way.
//
//   x14  the bits of 2^-40     x15  those of 2^60, less x14

#define DEPTH 2
#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro SETUP
    mov     w14, #0x2b800000
    mov     w15, #0x32000000
.endm

.macro SCALES_OF at, w
    ldr     w9, [\w]
    and     w10, w9, #0x7fffffff
    sub     w11, w10, w14
    cmp     w11, w15
    ccmp    w10, #0, #4, hi         // equal: 0, or within
    csinv   w9, w9, wzr, eq
    dup     v0.4s, w9
    stp     q0, q0, [x0, #\at]
.endm

.macro SIXTEEN h, q, w, a, b, c, d
    GK_QDOT_LOAD \w, 4 + 128*\h + 16*\q, 32, \a, \b, \c, \d
.endm

.macro CODES h
    GK_QDOT_HALVES \h
.endm

#endif
