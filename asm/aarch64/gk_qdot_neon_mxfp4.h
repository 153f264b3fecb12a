// gk_qdot_neon_mxfp4.h -- rows of MXFP4 by one row of x.
//
//   256 weights are eight blocks of 17 bytes, a group each: e; 16 bytes of nibbles, low ones first. w = 2^(e - 128)
//   level[q]. Where that is beyond what codes serve, 2^-40 .. 2^60, the row is NaN: its caller takes another way.
//
//   v10, v11  all ones where e is more than 50 off 138     v13, v15, v18  138, 50, 1 << 23

#define LINES 3
#include "gk_qdot_neon_eight.h"
#include "gk_qdot_neon_levels.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_FP4
    movi    v13.4s, #138
    movi    v15.4s, #50
    movi    v18.4s, #128, lsl #16
.endm

.macro SCALES w
    FOUR    8, \w, 17, 0
    FOUR    9, \w, 17, 4
    bic     v8.4h, #255, lsl #8
    bic     v9.4h, #255, lsl #8
    ushll   v8.4s, v8.4h, #0
    ushll   v9.4s, v9.4h, #0
    uabd    v10.4s, v8.4s, v13.4s
    uabd    v11.4s, v9.4s, v13.4s
    shl     v8.4s, v8.4s, #23
    shl     v9.4s, v9.4s, #23
    cmhi    v10.4s, v10.4s, v15.4s
    cmhi    v11.4s, v11.4s, v15.4s
    sub     v8.4s, v8.4s, v18.4s
    sub     v9.4s, v9.4s, v18.4s
    orr     v8.16b, v8.16b, v10.16b
    orr     v9.16b, v9.16b, v11.16b
.endm

.macro GROUP d, g
    ldur    q24, [x1, #17*\g + 1]
    ldur    q26, [x2, #17*\g + 1]
    LEVELS
    PRODUCTS_OF \d, \g
.endm

#endif
