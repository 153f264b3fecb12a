// gk_qdot_neon_q4_0.h -- rows of Q4_0 by one row of x.
//
//   A block of 32 is 18 bytes: f16 d; 16 bytes of nibbles, whose low halves are the first 16. w = d (q - 8).
//
//   A nibble with its highest bit flipped, in the upper half of a byte, is 16 (q - 8) as a signed byte: these are the codes,
//   and s is d / 16. Powers of two change no rounding.
//
//   v6  0x88     v12  0xf0     v13  1 / 16

#define BYTES_OF_32 18
#include "gk_qdot_neon_halves.h"
#ifdef __aarch64__

.macro SETUP
    mov     w9, #0x3d800000
    movi    v6.16b, #0x88
    movi    v12.16b, #0xf0
    dup     v13.4s, w9
.endm

.macro SCALES w
    HALVES  \w
    fmul    v8.4s, v8.4s, v13.4s
    fmul    v9.4s, v9.4s, v13.4s
.endm

.macro GROUP d, g
    ldur    q25, [x1, #18*\g + 2]
    ldur    q27, [x2, #18*\g + 2]
    eor     v25.16b, v25.16b, v6.16b
    eor     v27.16b, v27.16b, v6.16b
    shl     v24.16b, v25.16b, #4
    shl     v26.16b, v27.16b, #4
    and     v25.16b, v25.16b, v12.16b
    and     v27.16b, v27.16b, v12.16b
    PRODUCTS_OF \d, \g
.endm

#endif
