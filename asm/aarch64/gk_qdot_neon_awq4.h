// gk_qdot_neon_awq4.h -- rows of AWQ4 and GPTQ4 by one row of x.
//
//   256 weights are two blocks of 72 bytes, four groups each: f16 s, z; 4 zeros; 64 bytes of nibbles, groups 0 and 1
//   the low halves of them, 2 and 3 the high ones. w = s q - s z.
//
//   v6  fifteens     v8, v9  s and z of a block, then s

#define TOP 15.0
#include "gk_qdot_neon_zeros.h"
#ifdef __aarch64__

.macro SETUP
    movi    v6.16b, #15
.endm

.macro HEAD_BITS w
    ldr     s8, [\w]
    ldr     s9, [\w, #72]
    fcvtl   v8.4s, v8.4h
    fcvtl   v9.4s, v9.4h
.endm

.macro HEAD_FLOATS
    dup     v10.4s, v8.s[1]
    dup     v8.4s, v8.s[0]
    dup     v11.4s, v9.s[1]
    dup     v9.4s, v9.s[0]
    fmul    v10.4s, v10.4s, v8.4s   // m = s z
    fmul    v11.4s, v11.4s, v9.4s
    fdiv    v12.4s, v10.4s, v8.4s
.endm

.macro BIAS
.endm

.macro NIBBLES g
    ldur    q24, [x1, #72*(\g / 4) + 8 + 32*(\g % 2)]
    ldur    q25, [x1, #72*(\g / 4) + 24 + 32*(\g % 2)]
    ldur    q26, [x2, #72*(\g / 4) + 8 + 32*(\g % 2)]
    ldur    q27, [x2, #72*(\g / 4) + 24 + 32*(\g % 2)]
.if \g % 4 < 2
    GK_QDOT_ALL and, CODES, CODES, v6.16b
.else
    GK_QDOT_ALL ushr, CODES, CODES, #4
.endif
.endm

.macro LOW g
    NIBBLES \g
.endm

.macro HIGH g
    NIBBLES \g
.endm

.macro BLOCK d
    GROUPS  \d, 3
.endm

#endif
