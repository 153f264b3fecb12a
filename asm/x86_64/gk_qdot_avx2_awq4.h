// gk_qdot_avx2_awq4.h -- rows of AWQ4 and GPTQ4 by one row of x, with AVX-VNNI or without.
//
//   256 weights are two blocks of 72 bytes, four groups each: f16 s, z; 4 zeros; 64 bytes of nibbles, groups 0 and 1
//   the low halves of them, 2 and 3 the high ones. w = s q - s z.
//
//   ymm15  fifteens

#include "gk_qdot_avx2_zeros.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_ZEROS 15.0
    .long   0x0f0f0f0f                                                                  // 160
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 160]
.endm

.macro SCALE r, at
    vpbroadcastd xmm0, dword ptr [\at]
    vpbroadcastd xmm1, dword ptr [\at + 72]
    vpunpcklqdq xmm0, xmm0, xmm1
    vcvtph2ps ymm0, xmm0                                // s z s z ..
    vmovsldup ymm1, ymm0
    vmovshdup ymm2, ymm0
    vmulps  ymm2, ymm2, ymm1                            // m = s z
.endm

.macro BYTES
.endm

.macro CODES g, at                  // ymm1 = group g
.if \g % 4 < 2
    vpand   ymm1, ymm15, ymmword ptr [\at + 72*(\g / 4) + 8 + 32*(\g % 2)]
.else
    vmovdqu ymm1, ymmword ptr [\at + 72*(\g / 4) + 8 + 32*(\g % 2)]
    vpsrlw  ymm1, ymm1, 4
    vpand   ymm1, ymm1, ymm15
.endif
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS \d, \g
    CODES   \g, W0
    STEP    \d, \g, 0, ymm8
    CODES   \g, W1
    STEP    \d, \g, 1, ymm9
.endm

.macro BLOCK d
    RESTS_AND_GROUPS \d
.endm

#endif
