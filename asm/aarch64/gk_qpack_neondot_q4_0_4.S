// gk_qpack_neondot_q4_0_4 -- strips of Q4_0 by a few rows of x.                                      NEON and dot products
//
//   A strip: for two groups of 32, 144 bytes: f16 d[4] of the first and of the second; four quads of nibbles of each.
//   w = d (q - 8).
//
//   x, for a group: float d; int32 -8 sum X
//
//   v26  fifteens
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         45 cycles
//   Neoverse V1         23 cycles
//   Cortex-A55          169 cycles
//
// mca: neoverse-n1 1*45 1
// mca: neoverse-v1 1*23 1
// mca: cortex-a55 1*169 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #15
.endm

.macro STEP d
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    ldr     d6, [x1, #8*\g]
    GK_QPACK_START \d, 1
    GK_QPACK_NIBBLES \d, 16 + 64*\g
    fcvtl   v6.4s, v6.4h
    GK_QPACK_GROUP \d, 6, 0
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_q4_0_4, 0, 144, SETUP

#endif
