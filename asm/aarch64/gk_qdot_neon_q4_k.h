// gk_qdot_neon_q4_k.h -- rows of Q4_K by one row of x.
//
//   A block is 144 bytes: the scales of gk_qdot_neon_q45_k.h in 16; 128 bytes of nibbles, 32 of them the low halves of a
//   group and the high halves of the next.
//
//   v16 .. v19  nibbles of two groups, until both are done

#define TOP 15.0
#include "gk_qdot_neon_q45_k.h"
#ifdef __aarch64__

.macro BIAS
.endm

.macro LOW g
    GK_QDOT_LOAD BYTES, 16 + 16*\g
    GK_QDOT_ALL and, CODES, BYTES, v6.16b
.endm

.macro HIGH g
    GK_QDOT_ALL ushr, CODES, BYTES, #4
.endm

.macro BLOCK d
    GROUPS  \d, 3
.endm

#endif
