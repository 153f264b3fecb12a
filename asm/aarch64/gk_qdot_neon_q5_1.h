// gk_qdot_neon_q5_1.h -- rows of Q5_1 by one row of x.
//
//   A block of 32 is 24 bytes: f16 d, m; 4 of fifth bits; 16 of nibbles. z is kept as z - 16, as codes are.

#define TOP 31.0
#define BYTES_OF_32 24
#include "gk_qdot_neon_q45_1.h"
#include "gk_qdot_neon_fifths.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_FIFTHS
.endm

.macro BIAS
    movi    v14.4s, #16
    sub     v12.4s, v12.4s, v14.4s
    sub     v13.4s, v13.4s, v14.4s
.endm

.macro LOW g
    FIFTHS  24*\g + 4
.endm

.macro HIGH g
    FIFTHS  24*\g + 4
.endm

#endif
