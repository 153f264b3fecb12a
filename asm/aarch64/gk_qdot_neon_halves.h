#include "gk_qdot_neon.h"
#ifdef __aarch64__

.macro FOUR d, x, w, at, bytes      // v\d = four f16, \bytes apart, as floats; \x
    ldrh    w9, [\w, #\at]
    ldrh    w10, [\w, #\at + \bytes]
    ldrh    w11, [\w, #\at + 2*\bytes]
    ldrh    w12, [\w, #\at + 3*\bytes]
    orr     x9, x9, x10, lsl #16
    orr     x11, x11, x12, lsl #16
    orr     x9, x9, x11, lsl #32
    fmov    d\d, x9
.endm

.macro HALVES r, w, bytes           // s[8] of row \r
    FOUR    8, x9, \w, 0, \bytes
    FOUR    9, x9, \w, 4*\bytes, \bytes
    fcvtl   v8.4s, v8.4h
    fcvtl   v9.4s, v9.4h
    UNIT
    stp     q8, q9, [x17, #32*\r]
.endm

#endif
