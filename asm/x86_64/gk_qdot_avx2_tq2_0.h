// gk_qdot_avx2_tq2_0.h -- rows of TQ2_0 by a few rows of x, with AVX-VNNI or without.
//
//   A block is 66 bytes: two rows of 32 bytes, each the 2 bits of four groups, from the lowest; f16 d. w = d (q - 1).
//
//   ymm15  threes

#define Z 1
#define DEPTH 8
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0x03030303                                                                  //   0
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA]
.endm

.macro HALF h
    GK_QDOT_PAIR 0, rax + 16*\h, 32
    vpsrlw  ymm1, ymm0, 2
    vpsrlw  ymm2, ymm0, 4
    vpsrlw  ymm3, ymm0, 6
    GK_QDOT_MASK
.endm

.macro ROW
    vpbroadcastw xmm0, word ptr [rax + 64]
    vcvtph2ps ymm0, xmm0
    vmovaps ymmword ptr [r11 + 512], ymm0
    GK_QDOT_HALVES
.endm

#endif
