// gk_qdot_neon_q8_0.h -- rows of Q8_0 by one row of x.
//
//   A block of 32 is 34 bytes: f16 d; 32 signed codes, taken as they are. w = d q.
//
//   x14, x15  128 bytes into the eight blocks of the rows: all of them are in reach of a load

#define BYTES_OF_32 34
#include "gk_qdot_neon_halves.h"
#ifdef __aarch64__

.macro SETUP
.endm

.macro SCALES w
    HALVES  \w
.endm

.macro GROUP d, g
.if \g == 0
    add     x14, x1, #128
    add     x15, x2, #128
.endif
    ldur    q24, [x14, #34*\g + 2 - 128]
    ldur    q25, [x14, #34*\g + 18 - 128]
    ldur    q26, [x15, #34*\g + 2 - 128]
    ldur    q27, [x15, #34*\g + 18 - 128]
    PRODUCTS_OF \d, \g
.endm

#endif
