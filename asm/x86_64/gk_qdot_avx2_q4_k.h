// gk_qdot_avx2_q4_k.h -- rows of Q4_K by one row of x, with AVX-VNNI or without.
//
//   A block is 144 bytes: scales; 128 bytes of nibbles, 32 of them the low halves of a group and the high
//   halves of the next.
//
//   ymm10, ymm11  nibbles of the two rows     ymm15  fifteens

#include "gk_qdot_avx2_6bit.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_6BIT 15.0
    .long   0x0f0f0f0f                                                                  // 352
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 352]
.endm

.macro STEPS d, h                   // groups 2h and 2h + 1 of both rows
    vmovdqu ymm10, ymmword ptr [W0 + 16 + 32*\h]
    vmovdqu ymm11, ymmword ptr [W1 + 16 + 32*\h]
    GK_QDOT_X \d, 2*\h
    GK_QDOT_MINUS \d, 2*\h
    vpand   ymm1, ymm10, ymm15
    STEP    \d, 2*\h, 0, ymm8
    vpand   ymm1, ymm11, ymm15
    STEP    \d, 2*\h, 1, ymm9
    GK_QDOT_X \d, 2*\h+1
    GK_QDOT_MINUS \d, 2*\h+1
    vpsrlw  ymm1, ymm10, 4
    vpand   ymm1, ymm1, ymm15
    STEP    \d, 2*\h+1, 0, ymm8
    vpsrlw  ymm1, ymm11, 4
    vpand   ymm1, ymm1, ymm15
    STEP    \d, 2*\h+1, 1, ymm9
.endm

.macro BLOCK d
    REST    \d, 0
    STEPS   \d, 0
    STEPS   \d, 1
    REST    \d, 1
    STEPS   \d, 2
    STEPS   \d, 3
.endm

#endif
