// gk_qdot_neon_q5_k.h -- rows of Q5_K by one row of x.
//
//   A block is 176 bytes: the scales of gk_qdot_neon_q45_k.h in 16; 32 bytes of fifth bits, bit g of all for group g; 128
//   bytes of nibbles, 32 of them the low halves of a group and the high halves of the next.
//
//   Where the fifth bit is clear, ones are shifted in above the nibble: that makes the signed byte q - 16, and z is kept as
//   z - 16. The complement of the fifth bits waits at 576 of the job.

#define TOP 31.0
#include "gk_qdot_neon_q45_k.h"
#ifdef __aarch64__

.macro BIAS
    movi    v14.4s, #16
    sub     v12.4s, v12.4s, v14.4s
    sub     v13.4s, v13.4s, v14.4s
.endm

.macro FIFTHS d0, d1, d2, d3, g     // each of \d = clear fifth bits; v31 = the bit of group \g
    ldr     q\d0, [x0, #576]
    ldr     q\d1, [x0, #592]
    movi    v31.16b, #1 << \g
    ldr     q\d2, [x0, #608]
    ldr     q\d3, [x0, #624]
.endm

.macro LOW g
    GK_QDOT_LOAD CODES, 48 + 16*\g
    FIFTHS  BYTES, \g
    GK_QDOT_ALL cmtst, BYTES, BYTES, v31.16b
    GK_QDOT_ALL sli, CODES, BYTES, #4
.endm

.macro HIGH g
    FIFTHS  CODES, \g
    GK_QDOT_LOAD BYTES, 48 + 16*(\g - 1)
    GK_QDOT_ALL cmtst, CODES, CODES, v31.16b
    GK_QDOT_ALL sri, CODES, BYTES, #4
.endm

.macro BLOCK d
    ldr     q28, [x1, #16]
    ldr     q29, [x1, #32]
    ldr     q30, [x2, #16]
    ldr     q31, [x2, #32]
    mvn     v28.16b, v28.16b
    mvn     v29.16b, v29.16b
    mvn     v30.16b, v30.16b
    mvn     v31.16b, v31.16b
    stp     q28, q29, [x0, #576]
    stp     q30, q31, [x0, #608]
    GROUPS  \d, 3
.endm

#endif
