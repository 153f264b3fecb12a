#include "gk_qdot_neon_halves.h"
#ifdef __aarch64__

.macro SETUP
    movi    v6.16b, #0x88
    movi    v12.16b, #0xf0
    fmov    v13.4s, #0.125
    fmov    v14.4s, #0.5
    fmul    v13.4s, v13.4s, v14.4s
.endm

.macro UNIT
    fmul    v8.4s, v8.4s, v13.4s
    fmul    v9.4s, v9.4s, v13.4s
.endm

.macro HEAD d
    HALVES  0, x5, 18
    HALVES  1, x6, 18
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
    GK_QDOT_DOT \d, 32*\g
    GK_QDOT_FMA \g & 3, \g & 3
.endm

.macro BLOCK d
    GK_QDOT_SCALES \d, 0, 32
    GK_QDOT_AHEAD x1, 3
    GROUP   \d, 0
    GROUP   \d, 1
    HALVES  0, x5, 18
    GROUP   \d, 2
    GROUP   \d, 3
    GK_QDOT_SCALES \d, 1, 32
    GK_QDOT_AHEAD x2, 3
    GROUP   \d, 4
    GROUP   \d, 5
    HALVES  1, x6, 18
    GROUP   \d, 6
    GROUP   \d, 7
.endm

#endif
