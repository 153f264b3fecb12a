// gk_qpack_neondot_q2_k_4 -- strips of Q2_K by a few rows of x.                                      NEON and dot products
//
//   A strip, for each 256 of k: f16 d[4], dmin[4]; four times, for four groups of 16, 80 bytes: sm[4][4], sc | mn << 4; four
//   quads, whose fields of two bits are codes of the groups. w = d sc q - dmin mn.
//
//   x, for a group: float d, sum X; of odd ones, whose sums are of 4 q X, d / 4, 4 sum X. s sum q X - m sum X is what it is but
//   for three roundings, however much of either goes: t = m sum X, and what its rounding took.
//
//   v26, v29  3 and 12     v27, v28  d, dmin     v30  15
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         85 cycles
//   Neoverse V1         43 cycles
//   Cortex-A55          311 cycles
//
// mca: neoverse-n1 1*85 1
// mca: neoverse-v1 1*43 1
// mca: cortex-a55 1*311 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #3
    movi    v29.16b, #12
    movi    v30.4s, #15
.endm

.macro HEAD
    ldp     d0, d1, [x1]
    fcvtl   v27.4s, v0.4h
    fcvtl   v28.4s, v1.4h
.endm

.macro GROUP d, g, mask
.if \g % 2 == 0
    GK_QPACK_X \d, \g/2
    ldr     q22, [x3, #64*\d + 8*\g]
.endif
    GK_QPACK_CLEAR \d
.irp i, 0, 1, 2, 3
    ldr     q4, [x1, #16 + 16*\i]
.if \g >= 2
    ushr    v4.16b, v4.16b, #4
.endif
    and     v4.16b, v4.16b, v\mask\().16b
    GK_QPACK_DOT \d, 4, \g%2, \i
.endr
    GK_QPACK_SCALE ushll, \g
    GK_QPACK_JOIN \d
    ushr    v6.4s, v23.4s, #4
    and     v5.16b, v23.16b, v30.16b
    ucvtf   v6.4s, v6.4s
    ucvtf   v5.4s, v5.4s
    scvtf   v0.4s, v0.4s
    fmul    v6.4s, v6.4s, v28.4s                        // m
    fmul    v5.4s, v5.4s, v27.4s                        // s
    fmul    v7.4s, v6.4s, v22.s[2*(\g % 2) + 1]         // t
    mov     v4.16b, v7.16b
    fmls    v7.4s, v5.4s, v0.4s
    fmls    v4.4s, v6.4s, v22.s[2*(\g % 2) + 1]
    fsub    v7.4s, v4.4s, v7.4s
    fmla    v3.4s, v7.4s, v22.s[2*(\g % 2)]
.endm

.macro STEP d
    GK_QPACK_SCALES ushll
    GROUP   \d, 0, 26
    GROUP   \d, 1, 29
    GROUP   \d, 2, 26
    GROUP   \d, 3, 29
.endm

GK_QPACK_FUNC gk_qpack_neondot_q2_k_4, 16, 80, SETUP, HEAD

#endif
