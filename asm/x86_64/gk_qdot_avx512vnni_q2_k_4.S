// gk_qdot_avx512vnni_q2_k_4 -- rows of Q2_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits, 32 of
//   them for four groups; f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 3: rest
//   and s (q - z) are 0 wherever w is.
//
//   zmm22, zmm23, zmm25, zmm26  z of the four rows     zmm24  masks of lanes
//
//   room: rests of the four rows at 128
//
//   256 of four rows: 180 micro-operations of vectors for three digits, 128 for one. On Ice Lake 112 cycles.
//
// mca: icelake-server 1*112 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q2_k_data
    GK_QDOT_16_DATA
    GK_QDOT_2BIT_DATA                                               //  64
    .float  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15    // 448
    .float  3.0                                                     // 512

.macro SETUP
    GK_QDOT_16_SETUP
    GK_QDOT_2BIT_SETUP 64
.endm

.macro CODES at
    GK_QDOT_2BIT \at + 16, 64
.endm

.macro ROW_SCALES d, r, at, zero    // scales, and rests at 128
    vmovdqu xmm0, xmmword ptr [\at]
    vpshufb xmm0, xmm0, xmm16
    vpmovzxbd zmm0, xmm0
    vpsrld  zmm2, zmm0, 4
    vpermps zmm2, zmm2, zmmword ptr [DATA + 448]                     // floats of four bits
    vpermps zmm0, zmm0, zmmword ptr [DATA + 448]
    vmulps  zmm2, zmm2, dword ptr [rdi + 704 + 8*\r + 4]{1to16}     // m = dmin mn
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r]{1to16}         // s = d sc
    GK_QDOT_ZEROS 512
    GK_QDOT_ZEROS_PAIR \zero
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm3
.endm

.macro HEAD d
    GK_QDOT_HALVES 80                                               // d, dmin
    ROW_SCALES \d, 0, N0, zmm22
    ROW_SCALES \d, 1, N1, zmm23
    ROW_SCALES \d, 2, N2, zmm25
    ROW_SCALES \d, 3, N3, zmm26
.endm

.macro ROW d, r, zero, sum
    vmovaps zmm2, zmmword ptr [r11 + 64*\r]
    GK_QDOT_SCALE \d, 0, 448 + 64*\r
    vpdpwssd \sum, \zero, zmmword ptr [rdx + 256*\d + 192]         // minus z sum X
    vfmadd231ps zmm2, zmm3, zmmword ptr [rdi + 128 + 64*\r]         // rests
    vcvtdq2ps \sum, \sum
    vfmadd231ps zmm2, \sum, zmm1
    vmovaps zmmword ptr [r11 + 64*\r], zmm2
.endm

.macro BLOCK d
    GK_QDOT_AHEAD 84
    GK_QDOT_CODES
    mov     rax, rdx
    lea     r11, [rdi + 896]
L(input\d):
    GK_QDOT_DOTS \d, 64
    vmovups zmm3, zmmword ptr [rdx + 256*\d + 128]
    ROW     \d, 0, zmm22, zmm8
    ROW     \d, 1, zmm23, zmm9
    ROW     \d, 2, zmm25, zmm10
    ROW     \d, 3, zmm26, zmm11
    add     rdx, qword ptr [rdi + 88]
    GK_QDOT_INPUTS L(input\d)
    mov     rdx, rax
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_k_4, 84, LANES

#endif
