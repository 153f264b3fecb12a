// gk_qdot_neon_q3_k.h -- rows of Q3_K by one row of x.
//
//   A block is 110 bytes: 32 of third bits, bit g of all for group g; 64 of the lower two bits, 32 of them for 128
//   codes: bits 2k, 2k + 1 of group k; sc[16] of 6 bits in 12 bytes; f16 d. w = d (sc - 32) (q - 4).
//
//   Where the third bit is clear, ones are shifted in above the lower two: that makes the signed byte q - 4. The
//   complement of the third bits waits at 576 of the job.

#define BIAS 32
#include "gk_qdot_neon_16.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_16
.endm

.macro HEAD_BITS w                  // sc, d
    ldr     x9, [\w, #96]
    ldr     w10, [\w, #104]
    ldr     h14, [\w, #108]
    and     x11, x9, #0x0f0f0f0f0f0f0f0f
    lsr     x9, x9, #4
    orr     x10, x10, x10, lsl #30  // upper bits of sc 0 .. 7 at 0, of 8 .. 15 at 4
    and     x9, x9, #0x0f0f0f0f0f0f0f0f
    and     x12, x10, #0x0303030303030303
    lsr     x10, x10, #4
    orr     x11, x11, x12, lsl #4
    and     x10, x10, #0x0303030303030303
    orr     x9, x9, x10, lsl #4
    fmov    d8, x11
    mov     v8.d[1], x9
    fcvt    s14, h14
.endm

.macro HEAD d
    HEAD_BITS x5
    HEAD_FLOATS 0
    HEAD_BITS x6
    HEAD_FLOATS 1
.endm

.macro THIRDS d0, d1, d2, d3, g     // each of \d = -1 where the third bit is clear, of group \g
    ldr     q\d0, [x0, #576]
    ldr     q\d1, [x0, #592]
    movi    v31.16b, #1 << (\g)
    ldr     q\d2, [x0, #608]
    ldr     q\d3, [x0, #624]
    GK_QDOT_ALL cmtst, \d0, \d1, \d2, \d3, \d0, \d1, \d2, \d3, v31.16b
.endm

.macro GROUP d, c, k                // of half c
.if \k < 3
    GK_QDOT_LOAD CODES, 32 + 32*\c
    THIRDS  BYTES, 4*\c + \k
.if \k > 0
    GK_QDOT_ALL ushr, CODES, CODES, #2*\k
.endif
    GK_QDOT_ALL sli, CODES, BYTES, #2
.else
    THIRDS  CODES, 4*\c + \k
    GK_QDOT_LOAD BYTES, 32 + 32*\c
    GK_QDOT_ALL sri, CODES, BYTES, #6
.endif
    PRODUCTS_OF \d, 4*\c + \k, 2*(\k & 1)
.endm

.macro HALF d, c                    // 128 codes
    SCALES  \d, 2*\c
    GROUP   \d, \c, 0
    GROUP   \d, \c, 1
    SCALES  \d, 2*\c + 1
    GROUP   \d, \c, 2
    GROUP   \d, \c, 3
.endm

.macro BLOCK d
    ldr     q28, [x1]
    ldr     q29, [x1, #16]
    ldr     q30, [x2]
    ldr     q31, [x2, #16]
    mvn     v28.16b, v28.16b
    mvn     v29.16b, v29.16b
    mvn     v30.16b, v30.16b
    mvn     v31.16b, v31.16b
    stp     q28, q29, [x0, #576]
    stp     q30, q31, [x0, #608]
    GK_QDOT_AHEAD x1, 3
    HALF    \d, 0
    GK_QDOT_AHEAD x2, 3
    HEAD    \d
    HALF    \d, 1
.endm

#endif
