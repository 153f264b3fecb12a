// gk_qdot_neon_q6_k.h -- rows of Q6_K by one row of x.
//
//   A block is 210 bytes: 128 bytes of low nibbles, 64 of them for 128 codes: the low halves of groups 0 and 1, the high
//   halves of groups 2 and 3; 64 bytes of high bits, 32 of them for 128 codes: bits 2k, 2k + 1 of group k; int8 sc[16];
//   f16 d. w = d sc (q - 32), a scale for 16.
//
//   v6  63     v13  32     v16 .. v19  high bits: of groups 0 and 1, then shifted for 1 and 3

#define BIAS 128
#include "gk_qdot_neon_16.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_16
    movi    v6.16b, #63
    movi    v13.16b, #32
.endm

.macro HEAD_BITS w                  // 128 + sc, d
    ldr     q8, [\w, #192]
    movi    v14.16b, #128
    ldr     h9, [\w, #208]
    eor     v8.16b, v8.16b, v14.16b
    fcvt    s14, h9
.endm

.macro HEAD d
    HEAD_BITS x5
    HEAD_FLOATS 0
    HEAD_BITS x6
    HEAD_FLOATS 1
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
