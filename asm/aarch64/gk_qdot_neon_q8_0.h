#include "gk_qdot_neon_halves.h"
#ifdef __aarch64__

.macro SETUP
.endm

.macro UNIT
.endm

.macro HEAD d
    HALVES  0, x5, 34
    HALVES  1, x6, 34
.endm

.macro GROUP d, g
    ldur    q24, [x14, #34*\g + 2 - 128]
    ldur    q25, [x14, #34*\g + 18 - 128]
    ldur    q26, [x15, #34*\g + 2 - 128]
    ldur    q27, [x15, #34*\g + 18 - 128]
    GK_QDOT_DOT \d, 32*\g
    GK_QDOT_FMA \g & 3, \g & 3
.endm

.macro BLOCK d
    add     x14, x1, #128
    add     x15, x2, #128
    GK_QDOT_SCALES \d, 0, 32
    GK_QDOT_AHEAD x1, 5
    GROUP   \d, 0
    GROUP   \d, 1
    HALVES  0, x5, 34
    GROUP   \d, 2
    GROUP   \d, 3
    GK_QDOT_SCALES \d, 1, 32
    GK_QDOT_AHEAD x2, 5
    GROUP   \d, 4
    GROUP   \d, 5
    HALVES  1, x6, 34
    GROUP   \d, 6
    GROUP   \d, 7
.endm

#endif
