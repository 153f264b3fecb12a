// gk_qdot_neon_nvfp4.h -- rows of NVFP4 by one row of x.
//
//   256 weights are four blocks of 36 bytes, two groups each: 4 scales e; for each 16 weights 8 bytes of nibbles, the
//   low halves of them first. w = s level[q], s = 128 times the f16 whose bits are e << 7, bit 7 of e aside, but 0 if e
//   is 0x7f.
//
//   v13  0x7f << 7     v15  128

#include "gk_qdot_neon_16.h"
#include "gk_qdot_neon_levels.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_FP4
    mov     w9, #0x3f80
    mov     w10, #0x43000000
    dup     v13.8h, w9
    dup     v15.4s, w10
.endm

.macro HEAD_HALVES w                // v8, v9 = sixteen f16
    ldr     w9,  [\w]
    ldr     w10, [\w, #36]
    ldr     w11, [\w, #72]
    ldr     w12, [\w, #108]
    orr     x9, x9, x10, lsl #32
    orr     x11, x11, x12, lsl #32
    fmov    d8, x9
    fmov    d9, x11
    ushll   v8.8h, v8.8b, #7
    ushll   v9.8h, v9.8b, #7
    bic     v8.8h, #64, lsl #8
    bic     v9.8h, #64, lsl #8
    cmeq    v10.8h, v8.8h, v13.8h
    cmeq    v11.8h, v9.8h, v13.8h
    bic     v8.16b, v8.16b, v10.16b
    bic     v9.16b, v9.16b, v11.16b
.endm

.macro HEAD_SINGLES r
    fcvtl   v10.4s, v8.4h
    fcvtl2  v11.4s, v8.8h
    fcvtl   v8.4s, v9.4h
    fcvtl2  v9.4s, v9.8h
    fmul    v10.4s, v10.4s, v15.4s
    fmul    v11.4s, v11.4s, v15.4s
    fmul    v8.4s, v8.4s, v15.4s
    fmul    v9.4s, v9.4s, v15.4s
    stp     q10, q11, [x17, #ROW_BYTES*\r]
    stp     q8, q9, [x17, #ROW_BYTES*\r + 32]
.endm

.macro HEAD d
    HEAD_HALVES x5
    HEAD_SINGLES 0
    HEAD_HALVES x6
    HEAD_SINGLES 1
.endm

.macro GROUP d, g
    ldur    q28, [x1, #36*(\g / 2) + 4 + 16*(\g % 2)]
    ldur    q30, [x2, #36*(\g / 2) + 4 + 16*(\g % 2)]
    ushr    v29.16b, v28.16b, #4
    ushr    v31.16b, v30.16b, #4
    and     v28.16b, v28.16b, v12.16b
    and     v30.16b, v30.16b, v12.16b
    trn1    v24.2d, v28.2d, v29.2d
    trn2    v25.2d, v28.2d, v29.2d
    trn1    v26.2d, v30.2d, v31.2d
    trn2    v27.2d, v30.2d, v31.2d
    tbl     v24.16b, {v6.16b}, v24.16b
    tbl     v25.16b, {v6.16b}, v25.16b
    tbl     v26.16b, {v6.16b}, v26.16b
    tbl     v27.16b, {v6.16b}, v27.16b
    PRODUCTS_OF \d, \g, 2*(\g & 1)
.endm

.macro BLOCK d
    GK_QDOT_AHEAD x1, 3
    SCALES  \d, 0
    GROUP   \d, 0
    HEAD_HALVES x5
    GROUP   \d, 1
    HEAD_SINGLES 0
    SCALES  \d, 1
    GROUP   \d, 2
    GROUP   \d, 3
    GK_QDOT_AHEAD x2, 3
    SCALES  \d, 2
    GROUP   \d, 4
    HEAD_HALVES x6
    GROUP   \d, 5
    HEAD_SINGLES 1
    SCALES  \d, 3
    GROUP   \d, 6
    GROUP   \d, 7
.endm

#endif
