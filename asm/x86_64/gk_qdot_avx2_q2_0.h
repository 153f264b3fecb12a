// gk_qdot_avx2_q2_0.h -- rows of Q2_0 by a few rows of x, with AVX-VNNI or without.
//
//   256 weights are four blocks of 18 bytes, two groups each: f16 d; 16 bytes of codes of 2 bits, from the lowest.
//   w = d (q - 1).
//
//   ymm10  bytes 3, 12     ymm15  codes of 0 .. 12

#define Z 1
#define DEPTH 8
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
.irp byte, 0, 1, 2, 3
    .long   0x01010101*\byte, 0x01010101*\byte + 0x04040404, 0x01010101*\byte + 0x08080808, 0x01010101*\byte + 0x0c0c0c0c
.endr
    .byte   0, 1, 2, 3, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0                              //  64
    .long   0x0c030c03                                                                  //  80
.endm

.macro SETUP
    vbroadcasti128 ymm15, xmmword ptr [DATA + 64]
    vpbroadcastd ymm10, dword ptr [DATA + 80]
.endm

.macro CODES of, byte, j            // quads j: byte \byte of each double word
    vbroadcasti128 ymm4, xmmword ptr [DATA + 16*\byte]
    vpshufb ymm4, \of, ymm4
    vpsrlw  ymm5, ymm4, 4
    vpblendw ymm4, ymm4, ymm5, 0xaa
    vpand   ymm4, ymm4, ymm10
    vpshufb ymm4, ymm15, ymm4
    vmovdqa ymmword ptr [r11 + 32*(\j)], ymm4
.endm

.macro ROW
    vmovdqu xmm0, xmmword ptr [rax]
    vpblendw xmm0, xmm0, xmmword ptr [rax + 16], 2
    vpblendw xmm0, xmm0, xmmword ptr [rax + 32], 4
    vpblendw xmm0, xmm0, xmmword ptr [rax + 48], 8
    vpunpcklwd xmm0, xmm0, xmm0
    vcvtph2ps ymm0, xmm0
    vmovaps ymmword ptr [r11 + 512], ymm0
    GK_QDOT_PAIR 0, rax + 2, 36
    GK_QDOT_PAIR 1, rax + 20, 36
    vshufps ymm2, ymm0, ymm1, 0x88                      // the first halves of groups
    vshufps ymm3, ymm0, ymm1, 0xdd
.irp byte, 0, 1, 2, 3
    CODES   ymm2, \byte, \byte
    CODES   ymm3, \byte, \byte + 4
.endr
.endm

#endif
