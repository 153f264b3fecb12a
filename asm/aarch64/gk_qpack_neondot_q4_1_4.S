// gk_qpack_neondot_q4_1_4 -- strips of Q4_1 by a few rows of x.                                      NEON and dot products
//
//   A strip: for two groups of 32, 164 bytes: f16 d[4] of the first and of the second, m[4] of both; bytes z of the first |
//   z of the second << 4; four quads of nibbles of each. w = d q + m = d (q - z) + rest.
//
//   x, for a group: float d, d sum X; 4 bytes that are not used; int32 -sum X
//
//   v6  z of a step     v26  fifteens     v29  15
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         54 cycles
//   Neoverse V1         27 cycles
//   Cortex-A55          195 cycles
//
// mca: neoverse-n1 1*54 1
// mca: neoverse-v1 1*27 1
// mca: cortex-a55 1*195 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #15
    movi    v29.4s, #15
.endm

.macro STEP d
    ldr     s6, [x1, #32]
    ushll   v6.8h, v6.8b, #0
    ushll   v6.4s, v6.4h, #0
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    GK_QPACK_CLEAR \d
    GK_QPACK_NIBBLES \d, 36 + 64*\g
    ldr     d23, [x1, #8*\g]
    ldr     d24, [x1, #16 + 8*\g]
.if \g
    ushr    v5.4s, v6.4s, #4
.else
    and     v5.16b, v6.16b, v29.16b
.endif
    fcvtl   v23.4s, v23.4h
    fcvtl   v24.4s, v24.4h
    GK_QPACK_OFFSET_GROUP \d
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_q4_1_4, 0, 164, SETUP

#endif
