// gk_qdot_neon_q4_1.h -- rows of Q4_1 by one row of x.
//
//   A block of 32 is 20 bytes: f16 d, m; 16 bytes of nibbles, whose low halves are the first 16.
//
//   v6  fifteens

#define TOP 15.0
#define BYTES_OF_32 20
#include "gk_qdot_neon_q45_1.h"
#ifdef __aarch64__

.macro SETUP
    movi    v6.16b, #15
.endm

.macro BIAS
.endm

.macro LOW g
    ldur    q24, [x1, #20*\g + 4]
    ldur    q26, [x2, #20*\g + 4]
    ushr    v25.16b, v24.16b, #4
    ushr    v27.16b, v26.16b, #4
    and     v24.16b, v24.16b, v6.16b
    and     v26.16b, v26.16b, v6.16b
.endm

.macro HIGH g
    LOW     \g
.endm

#endif
