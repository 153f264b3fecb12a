#define TOP 15.0
#include "gk_qdot_neon_q45_k.h"
#ifdef __aarch64__

.macro BIAS
.endm

.macro LOW g
    and     v24.16b, v16.16b, v6.16b
    and     v25.16b, v17.16b, v6.16b
    and     v26.16b, v18.16b, v6.16b
    and     v27.16b, v19.16b, v6.16b
.endm

.macro HIGH g
    ushr    v24.16b, v16.16b, #4
    ushr    v25.16b, v17.16b, #4
    ushr    v26.16b, v18.16b, #4
    ushr    v27.16b, v19.16b, #4
.endm

.macro BLOCK d
    NIBBLES \d, 16, 3
.endm

#endif
