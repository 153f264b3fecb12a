// gk_qdot_avx2_q6_k.h -- rows of Q6_K by a few rows of x, with AVX-VNNI or without.
//
//   A block is 210 bytes: for each half of 128 weights 64 bytes of nibbles, groups 0 | 2 and 1 | 3; for each half 32 bytes
//   of bits 4 and 5 of its four groups, from the lowest; int8 sc[16]; f16 d. w = d sc (q - 32), q in 0 .. 63.
//
//   ymm14  bits 4 and 5     ymm15  fifteens

#define Z 32
#define DEPTH 2
#include "gk_qdot_avx2_16.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_16
    .fill   32, 1, 48                                   //  32
.endm

.macro SETUP
    vbroadcasti128 ymm15, xmmword ptr [DATA + 16]
    vmovdqa ymm14, ymmword ptr [DATA + 32]
.endm

.macro HALF h
    GK_QDOT_PAIR 0, rax + 16*\h, 64
    GK_QDOT_PAIR 1, rax + 32 + 16*\h, 64
    GK_QDOT_PAIR 4, rax + 128 + 16*\h, 32
    vpsrlw  ymm2, ymm0, 4
    vpsrlw  ymm3, ymm1, 4
    vpsllw  ymm5, ymm4, 4
    vpsllw  ymm6, ymm4, 2
    vpsrlw  ymm7, ymm4, 2
    GK_QDOT_MASK
    vpand   ymm5, ymm5, ymm14
    vpand   ymm6, ymm6, ymm14
    vpand   ymm4, ymm4, ymm14
    vpand   ymm7, ymm7, ymm14
    GK_QDOT_UPPER
.endm

.macro ROW
    vmovdqu xmm1, xmmword ptr [rax + 192]
    SCALES_16 rax + 208
    SCALES_16_STORE
    GK_QDOT_HALVES
.endm

#endif
