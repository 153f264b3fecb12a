// gk_qdot_neon_16.h -- what rows with a scale for each 16 codes have in common, by one row of x.
//
//   scales of a block, ROW_BYTES for a row:  float d sc[16]
//
//   v2, v3  d sc times the scale of x, of 64 codes     v8 .. v11  sc as bytes plus BIAS, as floats, then d sc
//   v12     1.5 * 2^23 + BIAS                          v14  d
//   v15     0x4b40: above a byte n it makes the float 1.5 * 2^23 + n

#include "gk_qdot_neon.h"
#ifdef __aarch64__

#ifndef ROW_BYTES
#define ROW_BYTES 64
#endif

.macro SETUP_16
    mov     w9, #0x4b40
    mov     w10, #0x4b400000
    dup     v15.8h, w9
    add     w10, w10, #BIAS
    dup     v12.4s, w10
.endm

.macro HEAD_FLOATS r                // d sc, from bytes in v8 and d in v14
    ushll   v10.8h, v8.8b, #0
    ushll2  v11.8h, v8.16b, #0
    zip1    v8.8h, v10.8h, v15.8h
    zip2    v9.8h, v10.8h, v15.8h
    zip1    v10.8h, v11.8h, v15.8h
    zip2    v11.8h, v11.8h, v15.8h
    fsub    v8.4s, v8.4s, v12.4s
    fsub    v9.4s, v9.4s, v12.4s
    fsub    v10.4s, v10.4s, v12.4s
    fsub    v11.4s, v11.4s, v12.4s
    fmul    v8.4s, v8.4s, v14.s[0]
    fmul    v9.4s, v9.4s, v14.s[0]
    fmul    v10.4s, v10.4s, v14.s[0]
    fmul    v11.4s, v11.4s, v14.s[0]
    stp     q8, q9, [x17, #ROW_BYTES*\r]
    stp     q10, q11, [x17, #ROW_BYTES*\r + 32]
.endm

.macro SCALES d, j                  // v2, v3 = d sc times the scale of x, of 64 codes
    ldr     q28, [x3, #256*\d + 16*(\j)]
    ldr     q2, [x16, #16*(\j)]
    ldr     q3, [x16, #16*(\j) + ROW_BYTES]
    fmul    v2.4s, v2.4s, v28.4s
    fmul    v3.4s, v3.4s, v28.4s
.endm

.macro PRODUCTS_OF d, g, first      // of group \g, with scales \first and the next of v2, v3
    GK_QDOT_DOT \d, 32*(\g)
    GK_QDOT_FMA \first, \first + 1
.endm

#endif
