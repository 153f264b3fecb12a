// gk_qdot_avx2_q5_k.h -- rows of Q5_K by one row of x, with AVX-VNNI or without.
//
//   A block is 176 bytes: scales; 32 bytes of fifth bits, bit g for group g; 128 bytes of nibbles, 32 of them the low
//   halves of a group and the high halves of the next.
//
//   ymm10, ymm11  fifth bits of the two rows     ymm15  fifteens

#include "gk_qdot_avx2_6bit.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_6BIT 31.0
    .fill   32, 1, 16                                                                   // 320
    .long   0x0f0f0f0f                                                                  // 352
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 352]
.endm

.macro CODES at, g, fifth           // ymm1 = group g
.if \g & 1
    vmovdqu ymm1, ymmword ptr [\at + 48 + 16*(\g - 1)]
    vpsrlw  ymm1, ymm1, 4
    vpand   ymm1, ymm1, ymm15
.else
    vpand   ymm1, ymm15, ymmword ptr [\at + 48 + 16*\g]
.endif
.if \g < 4
    vpsllw  ymm2, \fifth, 4 - \g
    vpand   ymm2, ymm2, ymmword ptr [DATA + 320]
.elseif \g == 4
    vpand   ymm2, \fifth, ymmword ptr [DATA + 320]
.else
    vpsrlw  ymm2, \fifth, \g - 4
    vpand   ymm2, ymm2, ymmword ptr [DATA + 320]
.endif
    vpor    ymm1, ymm1, ymm2
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS \d, \g
    CODES   W0, \g, ymm10
    STEP    \d, \g, 0, ymm8
    CODES   W1, \g, ymm11
    STEP    \d, \g, 1, ymm9
.endm

.macro BLOCK d
    vmovdqu ymm10, ymmword ptr [W0 + 16]
    vmovdqu ymm11, ymmword ptr [W1 + 16]
    RESTS_AND_GROUPS \d
.endm

#endif
