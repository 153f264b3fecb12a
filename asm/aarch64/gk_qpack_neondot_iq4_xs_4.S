// gk_qpack_neondot_iq4_xs_4 -- strips of IQ4_XS by a few rows of x.                                  NEON and dot products
//
//   A strip, for each 256 of k: f16 d[4]; four times, for two groups of 32, 136 bytes: int8 sc[2][4]; four quads of nibbles of
//   each. w = d sc level[q].
//
//   x, for a group: float d
//
//   v6  scales of a step     v26  fifteens     v27  d     v28  levels
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         55 cycles
//   Neoverse V1         31 cycles
//   Cortex-A55          210 cycles
//
// mca: neoverse-n1 1*55 1
// mca: neoverse-v1 1*31 1
// mca: cortex-a55 1*210 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro STEP d
    ldr     d6, [x1]
    sshll   v6.8h, v6.8b, #0
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    GK_QPACK_CLEAR \d
    GK_QPACK_NIBBLES \d, 8 + 64*\g, 1
.if \g
    sshll2  v23.4s, v6.8h, #0
.else
    sshll   v23.4s, v6.4h, #0
.endif
    scvtf   v23.4s, v23.4s
    GK_QPACK_GROUP \d, 23, 0
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_iq4_xs_4, 8, 136, GK_QPACK_LEVELS_SETUP, GK_QPACK_D, , GK_QPACK_TIMES_D

#endif
