#define TOP 31.0
#include "gk_qdot_neon_q45_k.h"
#ifdef __aarch64__

.macro BIAS
    movi    v14.4s, #16
    sub     v12.4s, v12.4s, v14.4s
    sub     v13.4s, v13.4s, v14.4s
.endm

.macro CLEAR g                      // v20, v21, v30, v31 = -1 where bit \g is clear
    movi    v31.16b, #1 << \g
    ldr     q20, [x0, #576]
    ldr     q21, [x0, #592]
    ldr     q30, [x0, #608]
    cmtst   v24.16b, v20.16b, v31.16b
.endm

.macro LOW g
    ldr     q20, [x0, #576]
    ldr     q21, [x0, #592]
    movi    v31.16b, #1 << \g
    ldr     q22, [x0, #608]
    ldr     q23, [x0, #624]
    cmtst   v20.16b, v20.16b, v31.16b
    ldr     q24, [x1, #48 + 16*\g]
    cmtst   v21.16b, v21.16b, v31.16b
    ldr     q25, [x1, #64 + 16*\g]
    cmtst   v22.16b, v22.16b, v31.16b
    ldr     q26, [x2, #48 + 16*\g]
    cmtst   v23.16b, v23.16b, v31.16b
    ldr     q27, [x2, #64 + 16*\g]
    sli     v24.16b, v20.16b, #4
    sli     v25.16b, v21.16b, #4
    sli     v26.16b, v22.16b, #4
    sli     v27.16b, v23.16b, #4
.endm

.macro HIGH g
    ldr     q24, [x0, #576]
    ldr     q25, [x0, #592]
    movi    v31.16b, #1 << \g
    ldr     q26, [x0, #608]
    ldr     q27, [x0, #624]
    cmtst   v24.16b, v24.16b, v31.16b
    cmtst   v25.16b, v25.16b, v31.16b
    cmtst   v26.16b, v26.16b, v31.16b
    cmtst   v27.16b, v27.16b, v31.16b
    sri     v24.16b, v16.16b, #4
    sri     v25.16b, v17.16b, #4
    sri     v26.16b, v18.16b, #4
    sri     v27.16b, v19.16b, #4
.endm

.macro BLOCK d
    ldr     q28, [x1, #16]
    ldr     q29, [x1, #32]
    ldr     q30, [x2, #16]
    ldr     q31, [x2, #32]
    mvn     v28.16b, v28.16b
    mvn     v29.16b, v29.16b
    mvn     v30.16b, v30.16b
    mvn     v31.16b, v31.16b
    stp     q28, q29, [x0, #576]
    stp     q30, q31, [x0, #608]
    NIBBLES \d, 48, 3
.endm

#endif
