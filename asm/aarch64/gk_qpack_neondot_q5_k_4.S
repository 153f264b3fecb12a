// gk_qpack_neondot_q5_k_4 -- strips of Q5_K by a few rows of x.                                      NEON and dot products
//
//   A strip, for each 256 of k: f16 d[4], dmin[4]; uint8 z4[4], fifth bits of z, of group g bit g; four times, for two groups of
//   32, 176 bytes: [4] words z | sc << 4 | mn << 10 of the first group, then of the second, by turns; five quads of each, of
//   bytes a to e of codes q[t]. w = d sc q - dmin mn = s (q - z) + rest.
//
//       a  q[0] | (q[5] & 7) << 5                             c, d  the same of q[2], q[3], q[6], and q[7] >> 4
//       b  q[1] | q[5] >> 3 << 5 | (q[7] >> 3 & 1) << 7       e     q[4] | (q[7] & 7) << 5
//
//   x, for a group: float d, d sum X; 4 bytes that are not used; int32 -sum X
//
//   v7  z4, less the bits of groups that are done     v26  31, of bytes     v27, v28  d, -dmin     v29  31
//   v30, v31  where sc and mn are                     room: z4
//
//   64 of four rows     by one row of x, of three digits
//   Neoverse N1         68 cycles
//   Neoverse V1         34 cycles
//   Cortex-A55          263 cycles
//
// mca: neoverse-n1 1*68 1
// mca: neoverse-v1 1*34 1
// mca: cortex-a55 1*263 1

#include "gk_qpack_neondot.h"
#ifdef __aarch64__

.macro SETUP
    movi    v26.16b, #31
    movi    v29.4s, #31
    mov     w9, #0x3f0
    mov     w11, #0xfc00
    dup     v30.4s, w9
    dup     v31.4s, w11
.endm

.macro HEAD
    GK_QPACK_SIX_BITS_HEAD
    ldr     s0, [x1, #16]
    ushll   v0.8h, v0.8b, #0
    ushll   v0.4s, v0.4h, #0
    str     q0, [x0, #ROOM]
.endm

.macro OPEN
    ldr     q7, [x0, #ROOM]
.endm

.macro LOW d, n, h, i
    and     v6.16b, v\n\().16b, v26.16b
    GK_QPACK_DOT \d, 6, \h, \i
.endm

.macro UPPER d, low, high, h, i     // v\low >> 5, and two bits of v\high from bit 5 on
    ushr    v6.16b, v\low\().16b, #5
    ushr    v25.16b, v\high\().16b, #5
    sli     v6.16b, v25.16b, #3
    LOW     \d, 6, \h, \i
.endm

.macro CODES d, at
    ldr     q4, [x1, #\at]
    ldr     q5, [x1, #\at + 16]
    ldr     q23, [x1, #\at + 32]
    ldr     q24, [x1, #\at + 48]
    LOW     \d, 4, 0, 0
    LOW     \d, 5, 0, 1
    UPPER   \d, 4, 5, 1, 1
    ldr     q4, [x1, #\at + 64]
    LOW     \d, 23, 0, 2
    LOW     \d, 24, 0, 3
    UPPER   \d, 23, 24, 1, 2
    LOW     \d, 4, 1, 0
    ushr    v4.16b, v4.16b, #5
    ushr    v5.16b, v5.16b, #7
    ushr    v24.16b, v24.16b, #7
    sli     v4.16b, v5.16b, #3
    sli     v4.16b, v24.16b, #4
    GK_QPACK_DOT \d, 4, 1, 3
.endm

.macro STEP d
.irp g, 0, 1
    GK_QPACK_X \d, \g
    ldr     q22, [x3, #64*\d + 16*\g]
    GK_QPACK_CLEAR \d
    CODES   \d, 16 + 80*\g
    ldr     q6, [x1]
.if \g
    ushr    v6.4s, v6.4s, #16
.endif
    GK_QPACK_SIX_BITS
    sli     v6.4s, v7.4s, #4
    and     v5.16b, v6.16b, v29.16b
    ushr    v7.4s, v7.4s, #1
    GK_QPACK_OFFSET_GROUP \d
.endr
.endm

GK_QPACK_FUNC gk_qpack_neondot_q5_k_4, 20, 176, SETUP, HEAD, OPEN

#endif
