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
    .long   0x0f0f0f0f                                                                  // 320
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 320]
.endm

.macro CODES g, nibbles             // ymm1 = group g
.if \g % 2
    vpsrlw  ymm1, \nibbles, 4
    vpand   ymm1, ymm1, ymm15
.else
    vpand   ymm1, \nibbles, ymm15
.endif
.endm

.macro STEPS d, g                   // group g of both rows
.if \g % 2 == 0
    vmovdqu ymm10, ymmword ptr [W0 + 16 + 16*\g]
    vmovdqu ymm11, ymmword ptr [W1 + 16 + 16*\g]
.endif
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS \d, \g
    CODES   \g, ymm10
    STEP    \d, \g, 0, ymm8
    CODES   \g, ymm11
    STEP    \d, \g, 1, ymm9
.endm

.macro BLOCK d
    RESTS_AND_GROUPS \d
.endm

#endif
