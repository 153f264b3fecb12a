// gk_qpack_neondot_q3_k_4 -- strips of Q3_K by a few rows of x.                                      NEON and dot products
//
//   A strip, for each 256 of k: f16 d[4]; four times, for four groups of 16, 112 bytes: int8 sc[4][4]; quads of bytes a to f,
//   in which u and v are too. w = d sc (q - 4).
//
//       a, b, c, d   code t of group 0 | code t of group 1 << 3, t = 0, 1, 2, 3; above these bits 6-7, 4-5, 2-3, 0-1 of u
//       e, f, u, v   the same of groups 2 and 3; above those of e and f bits 2-3 and 0-1 of v, of u bits 4-5
//
//   x, for a group: float d; int32 -4 sum X
//
//   v26  7     v27  d     v28  u
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         71 cycles
//   Neoverse V1         36 cycles
//   Cortex-A55          267 cycles
//
// mca: neoverse-n1 1*71 1
// mca: neoverse-v1 1*36 1
// mca: cortex-a55 1*267 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #7
.endm

.macro UPPER to, quad, left         // bits 6-7 of v\quad to v\to, from bit \left on
    ushr    v23.16b, v\quad\().16b, #6
    sli     v\to\().16b, v23.16b, #\left
.endm

.macro CODES d, right, h, n, i
.if \right
    ushr    v23.16b, v\n\().16b, #3
    and     v23.16b, v23.16b, v26.16b
.else
    and     v23.16b, v\n\().16b, v26.16b
.endif
    GK_QPACK_DOT \d, 23, \h, \i
.endm

.macro GROUPS d, g, q0, q1, q2, q3  // \g and the next
    GK_QPACK_X \d, \g/2
    ldr     q22, [x3, #64*\d + 8*\g]
.irp h, 0, 1
    GK_QPACK_START \d, 2*\h+1
    CODES   \d, \h, \h, \q0, 0
    CODES   \d, \h, \h, \q1, 1
    CODES   \d, \h, \h, \q2, 2
    CODES   \d, \h, \h, \q3, 3
    GK_QPACK_SCALE sshll, \g+\h
    scvtf   v23.4s, v23.4s
    GK_QPACK_GROUP \d, 23, 2*\h
.endr
.endm

.macro STEP d
    GK_QPACK_SCALES sshll
    ldp     q4, q5, [x1, #16]
    ldp     q6, q7, [x1, #48]
    ushr    v28.16b, v7.16b, #6
    UPPER   28, 6, 2
    UPPER   28, 5, 4
    UPPER   28, 4, 6
    GROUPS  \d, 0, 4, 5, 6, 7
    ldp     q4, q5, [x1, #80]
    ushr    v6.16b, v5.16b, #6
    UPPER   6, 4, 2
    UPPER   6, 28, 4
    GROUPS  \d, 2, 4, 5, 28, 6
.endm

GK_QPACK_FUNC gk_qpack_neondot_q3_k_4, 8, 112, SETUP, GK_QPACK_D, , GK_QPACK_TIMES_D

#endif
