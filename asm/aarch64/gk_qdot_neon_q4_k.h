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
