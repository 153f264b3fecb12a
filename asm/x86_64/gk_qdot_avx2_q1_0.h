// gk_qdot_avx2_q1_0.h -- rows of Q1_0 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are two blocks of 18 bytes, four groups each: f16 d; 128 bits. w = d (2 bit - 1).
//
//   ymm10  bytes 1 << 0 .. 1 << 3     ymm11  1 << 4 .. 1 << 7     ymm15  twos

#define Z 1
#define DEPTH 8
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
.irp byte, 0, 1, 2, 3
    .long   0x01010101*\byte, 0x01010101*\byte + 0x04040404, 0x01010101*\byte + 0x08080808, 0x01010101*\byte + 0x0c0c0c0c
.endr
    .long   0x08040201, 0x80402010, 0x02020202                                          //  64
.endm

.macro SETUP
    vpbroadcastd ymm10, dword ptr [DATA + 64]
    vpbroadcastd ymm11, dword ptr [DATA + 68]
    vpbroadcastd ymm15, dword ptr [DATA + 72]
.endm

.macro BITS j, bits                 // quads j: four bits of ymm1
    vpand   ymm2, ymm1, \bits
    vpcmpeqb ymm2, ymm2, \bits
    vpand   ymm2, ymm2, ymm15
    vmovdqa ymmword ptr [r11 + 32*(\j)], ymm2
.endm

.macro ROW
    vpbroadcastw xmm0, word ptr [rax]
    vpbroadcastw xmm1, word ptr [rax + 18]
    vpunpcklqdq xmm0, xmm0, xmm1
    vcvtph2ps ymm0, xmm0
    vmovaps ymmword ptr [r11 + 512], ymm0
    GK_QDOT_PAIR 0, rax + 2, 18
.irp byte, 0, 1, 2, 3
    vbroadcasti128 ymm1, xmmword ptr [DATA + 16*\byte]
    vpshufb ymm1, ymm0, ymm1                            // byte \byte of each group, four times
    BITS    2*\byte, ymm10
    BITS    2*\byte + 1, ymm11
.endr
.endm

#endif
