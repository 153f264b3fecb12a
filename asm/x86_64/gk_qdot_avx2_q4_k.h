// gk_qdot_avx2_q4_k.h -- rows of Q4_K by a few rows of x, with AVX-VNNI or without.
//
//   A block is 144 bytes: scales; 128 bytes of nibbles, 32 of them the low halves of a group and the high
//   halves of the next.
//
//   ymm15  fifteens

#define DEPTH 8
#include "gk_qdot_avx2_6bit.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_6BIT 15.0
.endm

.macro SETUP
    vmovdqa ymm15, ymmword ptr [DATA + 32]
.endm

.macro HALF h
    GK_QDOT_PAIR 0, rax + 16 + 16*\h, 64
    GK_QDOT_PAIR 2, rax + 48 + 16*\h, 64
    GK_QDOT_NIBBLES
.endm

.macro ROW
    SCALES_6BIT
    GK_QDOT_HALVES
.endm

#endif
