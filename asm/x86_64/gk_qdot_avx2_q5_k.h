// gk_qdot_avx2_q5_k.h -- rows of Q5_K by a few rows of x, with AVX-VNNI or without.
//
//   A block is 176 bytes: scales; 32 bytes of fifth bits, bit g for group g; 128 bytes of nibbles, 32 of them the low
//   halves of a group and the high halves of the next.
//
//   ymm13  shifts 0 | 4     ymm14  bytes of 16     ymm15  fifteens

#define DEPTH 4
#include "gk_qdot_avx2_6bit.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_6BIT 31.0
    .long   0, 0, 0, 0, 4, 4, 4, 4                                                      // 160
    .fill   32, 1, 16                                                                   // 192
.endm

.macro SETUP
    vmovdqa ymm15, ymmword ptr [DATA + 32]
    vmovdqa ymm13, ymmword ptr [DATA + 160]
    vmovdqa ymm14, ymmword ptr [DATA + 192]
.endm

.macro FIFTH g, to                  // of groups g | g + 4
    vpsllw  ymm5, ymm4, 4 - \g
    vpand   ymm5, ymm5, ymm14
    vpor    \to, \to, ymm5
.endm

.macro HALF h
    vbroadcasti128 ymm4, xmmword ptr [rax + 16 + 16*\h]
    GK_QDOT_PAIR 0, rax + 48 + 16*\h, 64
    GK_QDOT_PAIR 2, rax + 80 + 16*\h, 64
    vpsrlvd ymm4, ymm4, ymm13
    GK_QDOT_NIBBLES
    FIFTH   0, ymm0
    FIFTH   1, ymm1
    FIFTH   2, ymm2
    FIFTH   3, ymm3
.endm

.macro ROW
    SCALES_6BIT
    GK_QDOT_HALVES
.endm

#endif
