// gk_qpack_neondot_iq4_nl_4 -- strips of IQ4_NL by a few rows of x.                                  NEON and dot products
//
//   A strip: for two groups of 32, 144 bytes: f16 d[4] of the first and of the second; four quads of nibbles of each.
//   w = d level[q].
//
//   x, for a group: float d
//
//   v26  fifteens     v28  levels
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         53 cycles
//   Neoverse V1         31 cycles
//   Cortex-A55          202 cycles
//
// mca: neoverse-n1 1*53 1
// mca: neoverse-v1 1*31 1
// mca: cortex-a55 1*202 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro STEP d
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    ldr     d6, [x1, #8*\g]
    GK_QPACK_CLEAR \d
    GK_QPACK_NIBBLES \d, 16 + 64*\g, 1
    fcvtl   v6.4s, v6.4h
    GK_QPACK_GROUP \d, 6, 0
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_iq4_nl_4, 0, 144, GK_QPACK_LEVELS_SETUP

#endif
