// gk_qdot_avx2_q6_k.h -- rows of Q6_K by one row of x, with AVX-VNNI or without.
//
//   A block is 210 bytes: for each half of 128 weights 64 bytes of nibbles, groups 0 | 2 and 1 | 3; for each half 32 bytes
//   of bits 4 and 5 of its four groups, from the lowest; int8 sc[16]; f16 d. w = d sc (q - 32), q in 0 .. 63.
//
//   ymm10, ymm11  high bits of the two rows     ymm14  (z, 512 z) = (32, 16384)     ymm15  fifteens

#include "gk_qdot_avx2_16.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_16
    .long   0x30303030, 0x30303030, 0x30303030, 0x30303030, 0x30303030, 0x30303030, 0x30303030, 0x30303030      // 128
    .long   0x0f0f0f0f, 0x40000020                      // 160
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 160]
    vpbroadcastd ymm14, dword ptr [DATA + 164]
.endm

.macro HEAD d
    X_SCALES_16 \d
    SCALE_16 0, N0 + 192, N0 + 208
    SCALE_16 1, N1 + 192, N1 + 208
.endm

.macro CODES at, q, high            // ymm1 = group q of a half
.if \q < 2
    vpand   ymm1, ymm15, ymmword ptr [\at + 32*\q]
    vpsllw  ymm2, \high, 4 - 2*\q
    vpand   ymm2, ymm2, ymmword ptr [DATA + 128]
.else
    vmovdqu ymm1, ymmword ptr [\at + 32*\q - 64]
    vpsrlw  ymm1, ymm1, 4
    vpand   ymm1, ymm1, ymm15
.if \q == 2
    vpand   ymm2, \high, ymmword ptr [DATA + 128]
.else
    vpsrlw  ymm2, \high, 2
    vpand   ymm2, ymm2, ymmword ptr [DATA + 128]
.endif
.endif
    vpor    ymm1, ymm1, ymm2
.endm

.macro STEP d, g, r, acc            // codes in ymm1
    GK_QDOT_DOT \d
    ADD_16 \acc, 64*\r+8*(\g)
.endm

.macro STEPS d, h, q                // group q of half h of both rows
    GK_QDOT_X \d, 4*\h+\q
    GK_QDOT_MINUS_Z \d, 4*\h+\q, ymm14
    CODES   W0 + 64*\h, \q, ymm10
    STEP    \d, 4*\h+\q, 0, ymm8
    CODES   W1 + 64*\h, \q, ymm11
    STEP    \d, 4*\h+\q, 1, ymm9
.endm

.macro HALF d, h
    vmovdqu ymm10, ymmword ptr [W0 + 128 + 32*\h]
    vmovdqu ymm11, ymmword ptr [W1 + 128 + 32*\h]
    STEPS   \d, \h, 0
    STEPS   \d, \h, 1
    STEPS   \d, \h, 2
    STEPS   \d, \h, 3
.endm

.macro BLOCK d
    HEAD    \d
    HALF    \d, 0
    HALF    \d, 1
.endm

#endif
