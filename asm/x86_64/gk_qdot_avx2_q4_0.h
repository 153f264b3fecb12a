// gk_qdot_avx2_q4_0.h -- rows of Q4_0 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 18 bytes, a group each: f16 d; 16 bytes of nibbles, low ones first. w = d (q - 8).

#define Z 8
#define DEPTH 8
#include "gk_qdot_avx2.h"
#include "gk_qdot_avx2_nibbles.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0x0f0f0f0f              // 0
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA]
.endm

.macro ROW
    GK_QDOT_HALF_SCALES 18
    NIBBLES_OF rax + 2, 18
.endm

#endif
