// gk_qdot_avx512vnni_q6_k_4 -- rows of Q6_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 210 bytes: 128 of nibbles, 64 of them the low halves of two groups and the high halves of the next two;
//   64 of the upper two bits, 32 of them for four groups; sc[16] of int8; f16 d. w = d sc (q - 32), q in 0 .. 63.
//
//   zmm24  fifteens     zmm25  48     k1  the upper half of double words
//
//   256 of four rows: 182 micro-operations of vectors for three digits, 138 for one. On Ice Lake 97 cycles.
//
// mca: icelake-server 1*97 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q6_k_data
    GK_QDOT_16_DATA
    .byte   15, 15, 15, 15, 48, 48, 48, 48                          // 64

.macro SETUP
    GK_QDOT_16_SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 64]
    vpbroadcastd zmm25, dword ptr [DATA + 68]
    mov     eax, 0xff00
    kmovd   k1, eax
.endm

.macro STEP h, at, to
.if \h % 2 == 0
    vmovdqu32 ymm0, ymmword ptr [\at + 128 + 32*(\h/2)]
    vprord  zmm0 {k1}, zmmword ptr [\at + 128 + 32*(\h/2) - 32], 2
    vmovdqu64 zmm1, zmmword ptr [\at + 64*(\h/2)]
    vpandd  zmm\to, zmm24, zmm1
    vprold  zmm2, zmm0, 4
    vpternlogd zmm\to, zmm2, zmm25, 0xf8            // q = low | bits 0 | 2 & 48
.else
    vpsrlw  zmm\to, zmm1, 4
    vpandd  zmm\to, zmm\to, zmm24
    vpternlogd zmm\to, zmm0, zmm25, 0xf8            // q = low | bits 4 | 6 & 48
.endif
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro ROW_SCALES d, r, at
    vmovdqu xmm0, xmmword ptr [\at + 192]
    vpshufb xmm0, xmm0, xmm16
    vpmovsxbd zmm0, xmm0
    vcvtdq2ps zmm0, zmm0
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r + 4]{1to16}
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro HEAD d
    GK_QDOT_HALVES 206
    ROW_SCALES \d, 0, N0
    ROW_SCALES \d, 1, N1
    ROW_SCALES \d, 2, N2
    ROW_SCALES \d, 3, N3
.endm

.macro OFFSET d
    vpslld  zmm3, zmmword ptr [rdx + 256*\d], 5
.endm

.macro BLOCK d
    GK_QDOT_16 \d, 210
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q6_k_4, 210, LANES

#endif
