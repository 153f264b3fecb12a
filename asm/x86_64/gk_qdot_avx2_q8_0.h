// gk_qdot_avx2_q8_0.h -- rows of Q8_0 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 34 bytes, a group each: f16 d; int8 q[32]. w = d q.

#include "gk_qdot_avx2_8bit.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_8BIT
.endm

.macro HALF h
    HALF_8BIT \h, rax + 2, 34
.endm

.macro ROW
    GK_QDOT_HALF_SCALES 34
    GK_QDOT_HALVES
.endm

#endif
