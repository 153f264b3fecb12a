// gk_qdot_avx2_awq4.h -- rows of AWQ4 and GPTQ4 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are two blocks of 72 bytes, four groups each: f16 s, z; 4 zeros; 64 bytes of nibbles, groups 0 and 1
//   the low halves of them, 2 and 3 the high ones. w = s q - s z.
//
//   ymm15  fifteens

#define DEPTH 8
#include "gk_qdot_avx2_zeros.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_ZEROS 15.0
.endm

.macro SETUP
    vmovdqa ymm15, ymmword ptr [DATA + 32]
.endm

.macro HALF h
    GK_QDOT_PAIR 0, rax + 8 + 16*\h, 72
    GK_QDOT_PAIR 1, rax + 40 + 16*\h, 72
    vpsrlw  ymm2, ymm0, 4
    vpsrlw  ymm3, ymm1, 4
    GK_QDOT_MASK
.endm

.macro ROW
    vpbroadcastd xmm0, dword ptr [rax]
    vpbroadcastd xmm1, dword ptr [rax + 72]
    vpunpcklqdq xmm0, xmm0, xmm1
    vcvtph2ps ymm0, xmm0                                // s z s z ..
    vmovsldup ymm1, ymm0
    vmovshdup ymm2, ymm0
    vmulps  ymm2, ymm2, ymm1                            // m = s z
    ZEROS
    GK_QDOT_HALVES
.endm

#endif
