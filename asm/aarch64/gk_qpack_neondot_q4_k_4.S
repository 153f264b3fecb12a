// gk_qpack_neondot_q4_k_4 -- strips of Q4_K by a few rows of x.                                      NEON and dot products
//
//   A strip, for each 256 of k: f16 d[4], dmin[4]; four times, for two groups of 32, 144 bytes: [4] words z | sc << 4 |
//   mn << 10 of the first group, then of the second, by turns; four quads of nibbles of each. w = d sc q - dmin mn =
//   s (q - z) + rest.
//
//   x, for a group: float d, d sum X; 4 bytes that are not used; int32 -sum X
//
//   v26  fifteens     v27, v28  d, -dmin     v29  15     v30, v31  where sc and mn are
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         56 cycles
//   Neoverse V1         28 cycles
//   Cortex-A55          204 cycles
//
// mca: neoverse-n1 1*56 1
// mca: neoverse-v1 1*28 1
// mca: cortex-a55 1*204 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #15
    movi    v29.4s, #15
    mov     w9, #0x3f0
    mov     w11, #0xfc00
    dup     v30.4s, w9
    dup     v31.4s, w11
.endm

.macro STEP d
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    ldr     q6, [x1]
    GK_QPACK_CLEAR \d
    GK_QPACK_NIBBLES \d, 16 + 64*\g
.if \g
    ushr    v6.4s, v6.4s, #16
.endif
    and     v5.16b, v6.16b, v29.16b
    GK_QPACK_SIX_BITS
    GK_QPACK_OFFSET_GROUP \d
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_q4_k_4, 16, 144, SETUP, GK_QPACK_SIX_BITS_HEAD

#endif
