// gk_qpack_neondot_q8_0_4 -- strips of Q8_0 by a few rows of x.                                      NEON and dot products
//
//   A strip: for two groups of 32, 272 bytes: f16 d[4] of the first and of the second; eight quads of codes of each. w = d q.
//
//   x, for a group: float d
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         37 cycles
//   Neoverse V1         19 cycles
//   Cortex-A55          163 cycles
//
// mca: neoverse-n1 1*37 1
// mca: neoverse-v1 1*19 1
// mca: cortex-a55 1*163 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro STEP d
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    ldr     d6, [x1, #8*\g]
    GK_QPACK_CLEAR \d
.irp i, 0, 1, 2, 3
    ldr     q4, [x1, #16 + 128*\g + 16*\i]
    ldr     q5, [x1, #80 + 128*\g + 16*\i]
    GK_QPACK_DOT \d, 4, 0, \i
    GK_QPACK_DOT \d, 5, 1, \i
.endr
    fcvtl   v6.4s, v6.4h
    GK_QPACK_GROUP \d, 6, 0
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_q8_0_4, 0, 272

#endif
