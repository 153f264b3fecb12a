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
    .long   0x03030303, 0x0c0c0c0c, 15                                              //  64
    .float  3.0                                                                     //  76
    .balign 64
    .float  1, 1, 1, 1, 1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25  // 128  1 / f
    .long   0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2                          // 192  f, as a shift

.macro SETUP
    GK_QDOT_16_SETUP
    mov     eax, 0xff00
    kmovd   k1, eax
    vpbroadcastd zmm24, dword ptr [DATA + 64]
    vpbroadcastd zmm24 {k1}, dword ptr [DATA + 68]
    vmovdqa64 zmm27, zmmword ptr [DATA + 192]
    vpxord  zmm31, zmm31, zmm31
.endm

.macro STEP h, at, to
    vbroadcasti32x8 zmm\to, ymmword ptr [\at + 16 + 32*(\h/2)]
.if \h % 2
    vpsrlw  zmm\to, zmm\to, 4
.endif
    vpandd  zmm\to, zmm\to, zmm24                   // f q
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro ROW_SCALES d, r, at, scale, zero     // rests to memory
    vmovdqu xmm0, xmmword ptr [\at]
    vpshufb xmm0, xmm0, xmm16
    vpmovzxbd zmm0, xmm0
    vpsrld  zmm2, zmm0, 4
    vpandd  zmm0, zmm0, dword ptr [DATA + 72]{1to16}
    vcvtdq2ps zmm2, zmm2
    vcvtdq2ps zmm0, zmm0
    vmulps  zmm2, zmm2, dword ptr [rdi + 704 + 8*\r + 4]{1to16}     // m = dmin mn
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r]{1to16}         // s = d sc
    GK_QDOT_ZEROS 76
    vpsllvd \zero, zmm1, zmm27                                      // f z
    vmulps  \scale, zmm0, zmm7
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm3
.endm

.macro HEAD d
    GK_QDOT_HALVES 80                                               // d, dmin
    vmovaps zmm7, zmmword ptr [DATA + 128]
    vmulps  zmm7, zmm7, zmmword ptr [r11 + 256*\d + 64]
    ROW_SCALES \d, 0, N0, zmm25, zmm20
    ROW_SCALES \d, 1, N1, zmm28, zmm21
    ROW_SCALES \d, 2, N2, zmm29, zmm22
    ROW_SCALES \d, 3, N3, zmm30, zmm23
.endm

.macro BLOCK d
    vmovups zmm0, zmmword ptr [rdx + 256*\d + 128]
    vfmadd231ps zmm8, zmm0, zmmword ptr [rdi + 448]
    vfmadd231ps zmm9, zmm0, zmmword ptr [rdi + 448 + 64]
    vfmadd231ps zmm10, zmm0, zmmword ptr [rdi + 448 + 128]
    vfmadd231ps zmm11, zmm0, zmmword ptr [rdi + 448 + 192]
    vmovaps zmm12, zmm25
    vmovaps zmm13, zmm28
    vmovaps zmm14, zmm29
    vmovaps zmm15, zmm30
    vmovdqu64 zmm0, zmmword ptr [rdx + 256*\d]
    vpmulld zmm17, zmm20, zmm0                                      // what f z takes back
    vpmulld zmm18, zmm21, zmm0
    vpmulld zmm19, zmm22, zmm0
    vpmulld zmm26, zmm23, zmm0
    GK_QDOT_AHEAD 84
    HEAD    \d
    GK_QDOT_TAKEN \d, W0, zmm12, zmm17, zmm8
    GK_QDOT_TAKEN \d, W1, zmm13, zmm18, zmm9
    GK_QDOT_TAKEN \d, W2, zmm14, zmm19, zmm10
    GK_QDOT_TAKEN \d, W3, zmm15, zmm26, zmm11
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_k_4, 84

#endif
