// gk_qpack_neondot_q6_k_4 -- strips of Q6_K by a few rows of x.                                      NEON and dot products
//
//   A strip, for each 256 of k: f16 d[4]; four times, for four groups of 16, 208 bytes: int8 sc[4][4]; three quads of each
//   group, of bytes a, b, c of codes q0 .. q3. w = d sc (q - 32).
//
//       a  q0     | q3 >> 4 << 6                       where c has bits of q3, they are of the next byte of four
//       b  q1 * 4 | q3 >> 2 & 3
//       c  q2     | (q3 & 3) << 6
//
//   x, for a group: float d; int32 -32 sum X
//
//   v26  63     v27  d     v29  which byte of four is before
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         69 cycles
//   Neoverse V1         36 cycles
//   Cortex-A55          255 cycles
//
// mca: neoverse-n1 1*69 1
// mca: neoverse-v1 1*36 1
// mca: cortex-a55 1*255 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #63
    mov     x9, #0x0003
    movk    x9, #0x0201, lsl #16
    movk    x9, #0x0407, lsl #32
    movk    x9, #0x0605, lsl #48
    movi    v30.16b, #8
    dup     v29.2d, x9
    add     v30.16b, v30.16b, v29.16b
    mov     v29.d[1], v30.d[1]
.endm

.macro STEP d
    GK_QPACK_SCALES sshll
.irp g, 0, 1, 2, 3
.if \g % 2 == 0
    GK_QPACK_X \d, \g/2
    ldr     q22, [x3, #64*\d + 8*\g]
.endif
    ldr     q4, [x1, #16 + 48*\g]
    ldr     q5, [x1, #32 + 48*\g]
    ldr     q6, [x1, #48 + 48*\g]
    GK_QPACK_START \d, 2*(\g%2)+1
    tbl     v7.16b, {v6.16b}, v29.16b
    and     v23.16b, v4.16b, v26.16b
    and     v6.16b, v6.16b, v26.16b
    GK_QPACK_DOT \d, 23, \g%2, 0
    ushr    v7.16b, v7.16b, #6
    ushr    v4.16b, v4.16b, #6
    sli     v7.16b, v5.16b, #2
    ushr    v5.16b, v5.16b, #2
    sli     v7.16b, v4.16b, #4
    GK_QPACK_DOT \d, 5, \g%2, 1
    GK_QPACK_DOT \d, 6, \g%2, 2
    GK_QPACK_DOT \d, 7, \g%2, 3
    GK_QPACK_SCALE sshll, \g
    scvtf   v23.4s, v23.4s
    GK_QPACK_GROUP \d, 23, 2*(\g%2)
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_q6_k_4, 8, 208, SETUP, GK_QPACK_D, , GK_QPACK_TIMES_D

#endif
