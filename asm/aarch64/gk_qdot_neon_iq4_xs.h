// gk_qdot_neon_iq4_xs.h -- rows of IQ4_XS by one row of x.
//
//   A block is 136 bytes: f16 d; sc[8] of 6 bits, the upper two in a word, the lower four in four bytes; for each 32
//   codes 16 bytes of nibbles. w = d (sc - 32) level[q].
//
//   scales of a block, 32 bytes for a row:  float d (sc - 32)[8]
//
//   v2, v3    d (sc - 32) times the scale of x, four groups     v8, v9  sc as bytes, as 1.5 * 2^23 + n, d (sc - 32)
//   v10, v11  where the upper and lower bits of sc are          v13     1.5 * 2^23 + 32
//   v16, v17  and how far they go to the left                   v14     d
//   v18       48                                                v15     0x4b40: above a byte n it makes the float
//                                                                       1.5 * 2^23 + n

#include "gk_qdot_neon.h"
#include "gk_qdot_neon_levels.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_IQ4
    GK_QDOT_QUADS 10, 0x0202, 0x0202, 0x0303, 0x0303, 0, 0, 0, 0
    GK_QDOT_QUADS 11, 0x0404, 0x0505, 0x0606, 0x0707, 0, 0, 0, 0
    GK_QDOT_QUADS 16, 0x0204, 0xfe00, 0x0204, 0xfe00, 0, 0, 0, 0
    GK_QDOT_QUADS 17, 0xfc00, 0xfc00, 0xfc00, 0xfc00, 0, 0, 0, 0
    mov     w9, #0x4b40
    mov     w10, #0x4b400000
    dup     v15.8h, w9
    add     w10, w10, #32
    movi    v18.8b, #48
    dup     v13.4s, w10
.endm

.macro HEAD_BITS w
    ldr     d8, [\w]
    ldr     h14, [\w]
    tbl     v9.8b, {v8.16b}, v10.8b
    tbl     v8.8b, {v8.16b}, v11.8b
    ushl    v9.8b, v9.8b, v16.8b
    ushl    v8.8b, v8.8b, v17.8b
    and     v9.8b, v9.8b, v18.8b
    and     v8.8b, v8.8b, v12.8b
    fcvt    s14, h14
    orr     v8.8b, v8.8b, v9.8b
    ushll   v8.8h, v8.8b, #0
.endm

.macro HEAD_FLOATS r
    zip2    v9.8h, v8.8h, v15.8h
    zip1    v8.8h, v8.8h, v15.8h
    fsub    v9.4s, v9.4s, v13.4s
    fsub    v8.4s, v8.4s, v13.4s
    fmul    v9.4s, v9.4s, v14.s[0]
    fmul    v8.4s, v8.4s, v14.s[0]
    stp     q8, q9, [x17, #32*\r]
.endm

.macro HEAD d
    HEAD_BITS x5
    HEAD_FLOATS 0
    HEAD_BITS x6
    HEAD_FLOATS 1
.endm

.macro GROUP d, g
    ldur    q24, [x1, #16*\g + 8]
    ldur    q26, [x2, #16*\g + 8]
    LEVELS
    GK_QDOT_DOT \d, 32*\g
    GK_QDOT_FMA \g & 3, \g & 3
.endm

.macro BLOCK d
    GK_QDOT_SCALES \d, 0, 32
    GK_QDOT_AHEAD x1, 3
    GROUP   \d, 0
    HEAD_BITS x5
    GROUP   \d, 1
    HEAD_FLOATS 0
    GROUP   \d, 2
    GROUP   \d, 3
    GK_QDOT_SCALES \d, 1, 32
    GK_QDOT_AHEAD x2, 3
    GROUP   \d, 4
    HEAD_BITS x6
    GROUP   \d, 5
    HEAD_FLOATS 1
    GROUP   \d, 6
    GROUP   \d, 7
.endm

#endif
