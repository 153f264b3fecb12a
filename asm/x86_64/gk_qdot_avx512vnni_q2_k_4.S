// gk_qdot_avx512vnni_q2_k_4 -- rows of Q2_K by one row of x.                                    AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits, 32 of
//   them for four groups; f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 3: rest
//   and s (q - z) are 0 wherever w is.
//
//   Of the two groups of a step, f = 1 | 4: codes and z of the second stay two bits up, its scales are a quarter.
//
//   zmm20 .. zmm23  (f z, 512 f z) of the four rows      zmm25, zmm28, zmm29, zmm30  scales of the next block
//   zmm24  3 f      zmm26  scale of x / f                zmm27  (f z, 512 f z) of row 2 of the next block
//   zmm31  zeros
//
//   room: rest of the four rows at 448, (f z, 512 f z) of rows 3, 0, 1 at 704
//
//   A block of four rows: micro-operations of vectors 11.5 a step of 64 codes for three digits and 7.5 for one, and 74
//   besides: 258 and 194.

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q2_k_data
    GK_QDOT_16_DATA
    .long   0, 4, 0, 4, 0, 4, 0, 4, 2, 6, 2, 6, 2, 6, 2, 6   //  64  a shift for each lane
    .long   0x03030303, 15                                                          // 128
    .float  3.0                                                                     // 136
    .balign 64
    .long   0, 0, 8, 8, 4, 4, 12, 12, 0, 0, 8, 8, 4, 4, 12, 12           // 192  quads 0 of lanes
    .long   1, 1, 9, 9, 5, 5, 13, 13, 1, 1, 9, 9, 5, 5, 13, 13           // 256  quads 1 of lanes
    .long   2, 2, 10, 10, 6, 6, 14, 14, 2, 2, 10, 10, 6, 6, 14, 14       // 320  quads 2 of lanes
    .long   3, 3, 11, 11, 7, 7, 15, 15, 3, 3, 11, 11, 7, 7, 15, 15       // 384  quads 3 of lanes

.macro SETUP
    GK_QDOT_16_SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 128]
    vmovdqa64 zmm27, zmmword ptr [DATA + 64]
.endm

.macro QUAD h, to
    vmovdqa64 zmm\to, zmmword ptr [DATA + 192 + 64*\h]
    vpermd  zmm\to, zmm\to, zmm0
    vpsrlvd zmm\to, zmm\to, zmm27
    vpandd  zmm\to, zmm\to, zmm24
.endm

.macro CODES at
    vmovdqu64 zmm0, zmmword ptr [\at + 16]
    QUAD    0, 4
    QUAD    1, 5
    QUAD    2, 6
    QUAD    3, 7
.endm

.macro ROW_SCALES d, r, at, zero    // scales, and rests at 128
    vmovdqu xmm0, xmmword ptr [\at]
    vpshufb xmm0, xmm0, xmm16
    vpmovzxbd zmm0, xmm0
    vpsrld  zmm2, zmm0, 4
    vpandd  zmm0, zmm0, dword ptr [DATA + 132]{1to16}
    vcvtdq2ps zmm2, zmm2
    vcvtdq2ps zmm0, zmm0
    vmulps  zmm2, zmm2, dword ptr [rdi + 704 + 8*\r + 4]{1to16}     // m = dmin mn
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r]{1to16}         // s = d sc
    GK_QDOT_ZEROS 136
    vmovdqa64 \zero, zmm1
    vmulps  zmm0, zmm0, zmmword ptr [r11 + 256*\d + 64]
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

.macro ROW d, at, r, zero, acc
    CODES   \at
    GK_QDOT_DOTS \d
    vmovups zmm4, zmmword ptr [rdx + 256*\d + 128]
    vpmulld zmm3, \zero, zmmword ptr [rdx + 256*\d]
    vfmadd231ps \acc, zmm4, zmmword ptr [rdi + 128 + 64*\r]
    vpsubd  zmm0, zmm0, zmm3
    vcvtdq2ps zmm0, zmm0
    vfmadd231ps \acc, zmm0, zmmword ptr [rdi + 448 + 64*\r]
.endm

.macro BLOCK d
    GK_QDOT_AHEAD 84
    GK_QDOT_X \d
    ROW     \d, W0, 0, zmm22, zmm8
    ROW     \d, W1, 1, zmm23, zmm9
    ROW     \d, W2, 2, zmm25, zmm10
    ROW     \d, W3, 3, zmm26, zmm11
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_k_4, 84

#endif
