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

.macro HEAD_BITS w
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

.macro HEAD_FLOATS r
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

.macro LOAD a, b, c, d, at
    ldr     q\a, [x1, #\at]
    ldr     q\b, [x1, #\at + 16]
    ldr     q\c, [x2, #\at]
    ldr     q\d, [x2, #\at + 16]
.endm

.macro HIGH shift, n                // v16 .. v19 >>= 2
    ushr    v16.16b, v16.16b, #2
    ushr    v17.16b, v17.16b, #2
    ushr    v18.16b, v18.16b, #2
    ushr    v19.16b, v19.16b, #2
.endm

.macro SIX
    and     v24.16b, v24.16b, v6.16b
    and     v25.16b, v25.16b, v6.16b
    and     v26.16b, v26.16b, v6.16b
    and     v27.16b, v27.16b, v6.16b
.endm

.macro INSERT                       // four bits from the nibbles, above them two of v16 .. v19
    sli     v24.16b, v16.16b, #4
    sli     v25.16b, v17.16b, #4
    sli     v26.16b, v18.16b, #4
    sli     v27.16b, v19.16b, #4
.endm

.macro DOT d, g, first
    GK_QDOT_DOT \d, 32*(\g)
    GK_QDOT_FMA \first, \first + 1
.endm

.macro HALF d, c                    // 128 codes
    SCALES  \d, 2*\c
    LOAD    16, 17, 18, 19, 128 + 32*\c
    LOAD    24, 25, 26, 27, 64*\c
    INSERT
    SIX
    GK_QDOT_MINUS \d, 128*\c, v13.16b, v13.16b
    DOT     \d, 4*\c, 0

    LOAD    24, 25, 26, 27, 64*\c + 32
    HIGH
    INSERT
    SIX
    GK_QDOT_MINUS \d, 128*\c + 32, v13.16b, v13.16b
    DOT     \d, 4*\c + 1, 2

    SCALES  \d, 2*\c + 1
    LOAD    24, 25, 26, 27, 128 + 32*\c
    LOAD    28, 29, 30, 31, 64*\c
    sri     v24.16b, v28.16b, #4
    sri     v25.16b, v29.16b, #4
    sri     v26.16b, v30.16b, #4
    sri     v27.16b, v31.16b, #4
    SIX
    GK_QDOT_MINUS \d, 128*\c + 64, v13.16b, v13.16b
    DOT     \d, 4*\c + 2, 0
    LOAD    28, 29, 30, 31, 64*\c + 32
    sri     v16.16b, v28.16b, #4
    sri     v17.16b, v29.16b, #4
    sri     v18.16b, v30.16b, #4
    sri     v19.16b, v31.16b, #4
    GK_QDOT_MINUS \d, 128*\c + 96, v13.16b, v13.16b, 16, 17, 18, 19
    DOT     \d, 4*\c + 3, 2
.endm

.macro BLOCK d
    GK_QDOT_AHEAD x1, 4
    HALF    \d, 0
    GK_QDOT_AHEAD x2, 4
    HEAD    \d
    HALF    \d, 1
.endm

#endif
