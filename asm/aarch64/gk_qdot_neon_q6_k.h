// gk_qdot_neon_q6_k.h -- rows of Q6_K by one row of x.
//
//   A block is 210 bytes: 128 bytes of low nibbles, 64 of them for 128 codes: the low halves of groups 0 and 1, the high
//   halves of groups 2 and 3; 64 bytes of high bits, 32 of them for 128 codes: bits 2k, 2k + 1 of group k; int8 sc[16];
//   f16 d. w = d sc (q - 32), a scale for 16.
//
//   scales of a block, 64 bytes for a row:  float d sc[16]
//
//   v2, v3  d sc times the scale of x, of 64 codes     v8 .. v11  128 + sc as 1.5 * 2^23 + n, then d sc
//   v6      63                                         v12        1.5 * 2^23 + 128     v14  d
//   v13     32                                         v15        0x4b40: above a byte n it makes the float 1.5 * 2^23 + n
//   v16 .. v19  high bits: of groups 0 and 1, then shifted for 1 and 3

#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro SETUP
    mov     w9, #0x4b40
    mov     w10, #0x4b400000
    dup     v15.8h, w9
    add     w10, w10, #128
    movi    v6.16b, #63
    dup     v12.4s, w10
    movi    v13.16b, #32
.endm

.macro HEAD_BITS w                  // 128 + sc, d
    ldr     q8, [\w, #192]
    movi    v14.16b, #128
    ldr     h9, [\w, #208]
    eor     v8.16b, v8.16b, v14.16b
    fcvt    s14, h9
    ushll   v10.8h, v8.8b, #0
    ushll2  v11.8h, v8.16b, #0
    zip1    v8.8h, v10.8h, v15.8h
    zip2    v9.8h, v10.8h, v15.8h
    zip1    v10.8h, v11.8h, v15.8h
    zip2    v11.8h, v11.8h, v15.8h
.endm

.macro HEAD_FLOATS r                // d sc
    fsub    v8.4s, v8.4s, v12.4s
    fsub    v9.4s, v9.4s, v12.4s
    fsub    v10.4s, v10.4s, v12.4s
    fsub    v11.4s, v11.4s, v12.4s
    fmul    v8.4s, v8.4s, v14.s[0]
    fmul    v9.4s, v9.4s, v14.s[0]
    fmul    v10.4s, v10.4s, v14.s[0]
    fmul    v11.4s, v11.4s, v14.s[0]
    stp     q8, q9, [x17, #64*\r]
    stp     q10, q11, [x17, #64*\r + 32]
.endm

.macro HEAD d
    HEAD_BITS x5
    HEAD_FLOATS 0
    HEAD_BITS x6
    HEAD_FLOATS 1
.endm

.macro SCALES d, j                  // v2, v3 = d sc times the scale of x, of 64 codes
    ldr     q28, [x3, #256*\d + 16*(\j)]
    ldr     q2, [x16, #16*(\j)]
    ldr     q3, [x16, #16*(\j) + 64]
    fmul    v2.4s, v2.4s, v28.4s
    fmul    v3.4s, v3.4s, v28.4s
.endm

.macro PRODUCTS_OF d, g, first      // of group \g, with scales \first and the next of v2, v3
    GK_QDOT_DOT \d, 32*(\g)
    GK_QDOT_FMA \first, \first + 1
.endm

.macro CODE                         // six bits become q - 32
    GK_QDOT_ALL and, CODES, CODES, v6.16b
    GK_QDOT_ALL sub, CODES, CODES, v13.16b
.endm

.macro HALF d, c                    // 128 codes
    SCALES  \d, 2*\c
    GK_QDOT_LOAD BYTES, 128 + 32*\c
    GK_QDOT_LOAD CODES, 64*\c
    GK_QDOT_ALL sli, CODES, BYTES, #4
    CODE
    PRODUCTS_OF \d, 4*\c, 0
    GK_QDOT_ALL ushr, BYTES, BYTES, #2
    GK_QDOT_LOAD CODES, 64*\c + 32
    GK_QDOT_ALL sli, CODES, BYTES, #4
    CODE
    PRODUCTS_OF \d, 4*\c + 1, 2
    SCALES  \d, 2*\c + 1
    GK_QDOT_LOAD CODES, 128 + 32*\c
    GK_QDOT_LOAD SUMS, 64*\c
    GK_QDOT_ALL sri, CODES, SUMS, #4
    CODE
    PRODUCTS_OF \d, 4*\c + 2, 0
    GK_QDOT_LOAD SUMS, 64*\c + 32
    GK_QDOT_ALL sri, BYTES, SUMS, #4
    GK_QDOT_ALL sub, CODES, BYTES, v13.16b
    PRODUCTS_OF \d, 4*\c + 3, 2
.endm

.macro BLOCK d
    GK_QDOT_AHEAD x1, 4
    HALF    \d, 0
    GK_QDOT_AHEAD x2, 4
    HEAD    \d
    HALF    \d, 1
.endm

#endif
