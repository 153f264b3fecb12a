// gk_qdot_avx512vnni_q5_k_4 -- rows of Q5_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 176 bytes: f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes; 32 bytes of fifth bits, bit g for group g;
//   128 bytes of nibbles, 32 of them the low halves of a group and the high halves of the next. w = d sc q - dmin mn
//   = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 31: rest and s (q - z) are 0 wherever w is.
//
//   zmm24  fifteens     zmm25  sixteens     k1, k2  the upper half of words, double words
//
//   256 of four rows: 221 micro-operations of vectors for three digits, 173 for one. On Ice Lake 134 cycles.
//
// mca: icelake-server 1*134 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q5_k_data
    GK_QDOT_6BIT_DATA 31.0
    .long   0x0f0f0f0f                                              // 664
    .byte   16, 16, 16, 16                                          // 668

.macro SETUP
    GK_QDOT_6BIT_SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 664]
    vpbroadcastd zmm25, dword ptr [DATA + 668]
    mov     eax, 0xffff0000
    kmovd   k1, eax
    mov     eax, 0xff00
    kmovd   k2, eax
.endm

.macro STEP h, at, to               // 64 codes: the low halves of 32 bytes, then the high halves
    vmovdqu ymm\to, ymmword ptr [\at + 48 + 32*\h]
    vpsrlw  zmm\to {k1}, zmmword ptr [\at + 16 + 32*\h], 4
    vpandd  zmm\to, zmm\to, zmm24
.if \h == 0
    vmovdqu32 ymm0, ymmword ptr [\at + 16]
    vprord  zmm0 {k2}, zmmword ptr [\at + 16 - 32], 1
    vprold  zmm0, zmm0, 4                           // bits 0 | 1 to 4
.else
    vprord  zmm0, zmm0, 2                           // bits 2h | 2h + 1
.endif
    vpternlogd zmm\to, zmm0, zmm25, 0xf8            // q = low | high & 16
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_6BIT_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS UNSIGNED, \d, 176
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q5_k_4, 176, GROUPS

#endif
