// gk_qdot_avx512vnni_q2_k_4 -- rows of Q2_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits, 32 of
//   them for four groups; f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 3:
//   rest and s (q - z) are 0 wherever w is.
//
//   z needs no division of each: 24 + (dmin / d) (mn / sc) has steps of 2^-19 up to 32. Where m / s is halfway between
//   integers it errs by less than half a step, so not at all; elsewhere m / s, with 15 bits above and below, is 2^-17
//   or more from halfway. So z is that of the twin, to even; 3 2^22 - 24 more, and it is in the low bits.
//
//   Codes are f = 1, 16, 4 or 64 times too large, by lanes. Of one digit all sums are below 2^24, exact as floats: f is
//   taken from the scales of x.
//
//   zmm16  bytes by lanes, as shifts     zmm22, zmm23, zmm25, zmm26  z of the four rows, (z, 1024 z) for three digits
//   zmm24  masks of lanes                zmm27  floats of four bits
//
//   room: rests of the four rows at 128; floats d | dmin of them at 704; dmin / d at most 64, every other, at 736
//
//   256 of four rows: 177 micro-operations of vectors for three digits, 136 for one. On Ice Lake 95 cycles.
//
// mca: icelake-server 1*95

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q2_k_data
L(data):
    .fill   4, 4, 0                                                 //   0  bytes j of double words, as shifts
    .fill   4, 4, 8
    .fill   4, 4, 16
    .fill   4, 4, 24
    GK_QDOT_2BIT_DATA                                               //  64
    .float  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15    // 448
    .long   0x00000000, 0x3f800000, 0x3f000000, 0x3eaaaaab          // 512  floats 1 / sc; where sc is 0 any z will do
    .long   0x3e800000, 0x3e4ccccd, 0x3e2aaaab, 0x3e124925
    .long   0x3e000000, 0x3de38e39, 0x3dcccccd, 0x3dba2e8c
    .long   0x3daaaaab, 0x3d9d89d9, 0x3d924925, 0x3d888889
    .long   0, 1 + (1 << 26), 2 + (2 << 26), 3 + (3 << 26)          // 576  (z, 1024 z)
    .fill   12, 4, 0
    .float  1, 16, 1, 16, 1, 16, 1, 16, 4, 64, 4, 64, 4, 64, 4, 64  // 640  f
    .float  1, 0.0625, 1, 0.0625, 1, 0.0625, 1, 0.0625              // 704  1 / f
    .float  0.25, 0.015625, 0.25, 0.015625, 0.25, 0.015625, 0.25, 0.015625
    .fill   16, 4, 0x41c00000                                       // 768  24
    .float  27                                                      // 832  24 + 3
    .long   0x4b3fffe8, 0x4b400000                                  // 836  3 * 2^22 - 24, 3 * 2^22
    .float  64                                                      // 844

.macro SETUP
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vmovdqa64 zmm27, zmmword ptr [DATA + 448]
    GK_QDOT_2BIT_SETUP 64
.endm

.macro QUAD n, q0, q1, q2, q3       // quads n of lanes of the four rows, in zmm0 .. zmm3
    vmovdqa64 zmm17, zmmword ptr [DATA + 192 + 64*\n]
    HALF_QUAD \q0, \q1, zmm0, zmm1
    HALF_QUAD \q2, \q3, zmm2, zmm3
.endm

.macro HALF_QUAD q0, q1, v0, v1
    vpermd  \q0, zmm17, \v0
    vpermd  \q1, zmm17, \v1
    vpandd  \q0, \q0, zmm24
    vpandd  \q1, \q1, zmm24
.endm

// one digit, scales of two rows: s in zmm8 | zmm11, m and rest in zmm9 | zmm21, z in zmm10 | zmm15; zmm7 and zmm31 are free

.macro NIBBLES a, b                 // floats sc, mn, 1 / sc
    vbroadcasti32x4 zmm8, xmmword ptr [\a]
    vbroadcasti32x4 zmm11, xmmword ptr [\b]
    vpsrlvd zmm8, zmm8, zmm16                                       // sc in the low bits, then mn
    vpsrlvd zmm11, zmm11, zmm16
    vpsrld  zmm9, zmm8, 4
    vpsrld  zmm21, zmm11, 4
    vmovaps zmm31, zmmword ptr [DATA + 512]
    vpermps zmm10, zmm8, zmm31
    vpermps zmm15, zmm11, zmm31
    vpermps zmm9, zmm9, zmm27
    vpermps zmm21, zmm21, zmm27
    vpermps zmm8, zmm8, zmm27
    vpermps zmm11, zmm11, zmm27
.endm

.macro RATIOS r                     // of rows \r and the next: s, m, 24 + m / s
    vmovaps zmm31, zmmword ptr [DATA + 768]
    vmulps  zmm10, zmm10, zmm9
    vmulps  zmm15, zmm15, zmm21
    vmulps  zmm9, zmm9, dword ptr [rdi + 704 + 8*\r + 4]{1to16}
    vmulps  zmm21, zmm21, dword ptr [rdi + 704 + 8*\r + 12]{1to16}
    vfmadd132ps zmm10, zmm31, dword ptr [rdi + 736 + 8*\r]{1to16}
    vfmadd132ps zmm15, zmm31, dword ptr [rdi + 736 + 8*\r + 8]{1to16}
    vmulps  zmm8, zmm8, dword ptr [rdi + 704 + 8*\r]{1to16}
    vmulps  zmm11, zmm11, dword ptr [rdi + 704 + 8*\r + 8]{1to16}
.endm

.macro ZEROS r, z0, z1              // z, and rests at 128
    vpminsd zmm10, zmm10, dword ptr [DATA + 832]{1to16}             // 24 + 3; the order is that of integers
    vpminsd zmm15, zmm15, dword ptr [DATA + 832]{1to16}
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm8
    vmovaps zmmword ptr [rdi + 448 + 64*\r + 64], zmm11
    vaddps  zmm10, zmm10, dword ptr [DATA + 836]{1to16}             // 3 * 2^22 + z
    vaddps  zmm15, zmm15, dword ptr [DATA + 836]{1to16}
    vsubps  \z0, zmm10, dword ptr [DATA + 840]{1to16}
    vsubps  \z1, zmm15, dword ptr [DATA + 840]{1to16}
    vfmsub231ps zmm9, \z0, zmm8                                     // rest = z s - m
    vfmsub231ps zmm21, \z1, zmm11
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm9
    vmovaps zmmword ptr [rdi + 128 + 64*\r + 64], zmm21
.endm

.macro ROW_SCALES r, at, zero       // the same of one row, in zmm0 .. zmm3, z as (z, 1024 z)
    vbroadcasti32x4 zmm0, xmmword ptr [\at]
    vpsrlvd zmm0, zmm0, zmm16
    vpsrld  zmm1, zmm0, 4
    vmovaps zmm3, zmmword ptr [DATA + 768]
    vpermps zmm2, zmm0, zmmword ptr [DATA + 512]
    vpermps zmm1, zmm1, zmm27
    vpermps zmm0, zmm0, zmm27
    vmulps  zmm2, zmm2, zmm1
    vmulps  zmm1, zmm1, dword ptr [rdi + 704 + 8*\r + 4]{1to16}
    vfmadd132ps zmm2, zmm3, dword ptr [rdi + 736 + 8*\r]{1to16}
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r]{1to16}
    vpminsd zmm2, zmm2, dword ptr [DATA + 832]{1to16}
    vaddps  zmm2, zmm2, dword ptr [DATA + 836]{1to16}
    vsubps  zmm3, zmm2, dword ptr [DATA + 840]{1to16}
    vpermd  \zero, zmm2, zmmword ptr [DATA + 576]
    vfmsub231ps zmm1, zmm3, zmm0
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm1
.endm

.macro DIGIT at
    GK_QDOT_DIGIT \at, zmm8, zmm9, zmm10, zmm11
.endm

.macro HEAD d
    vmovd   xmm8, dword ptr [N0 + 80]
    vpinsrd xmm8, xmm8, dword ptr [N1 + 80], 1
    vpinsrd xmm8, xmm8, dword ptr [N2 + 80], 2
    vpinsrd xmm8, xmm8, dword ptr [N3 + 80], 3
    vcvtph2ps ymm8, xmm8
    vmovups ymmword ptr [rdi + 704], ymm8
    vpermilps ymm9, ymm8, 0xb1
    vpxor   xmm10, xmm10, xmm10
    vdivps  ymm9, ymm9, ymm8
    vmaxps  ymm9, ymm9, ymm10                                       // NaN is 0
    vminps  ymm9, ymm9, dword ptr [DATA + 844]{1to8}
    vmovups ymmword ptr [rdi + 736], ymm9
.endm

.macro TWO_ROWS r, sum0, sum1       // the sums of an input: with rests, and with what \sum0 and \sum1 have
    vmovaps zmm1, zmmword ptr [rdi + 128 + 64*\r]
    vmovaps zmm2, zmmword ptr [rdi + 128 + 64*\r + 64]
    vfmadd213ps zmm1, zmm3, zmmword ptr [r11 + 64*\r]
    vfmadd213ps zmm2, zmm3, zmmword ptr [r11 + 64*\r + 64]
    vmulps  zmm17, zmm0, zmmword ptr [rdi + 448 + 64*\r]
    vfmadd231ps zmm1, \sum0, zmm17
    vmulps  zmm17, zmm0, zmmword ptr [rdi + 448 + 64*\r + 64]
    vfmadd231ps zmm2, \sum1, zmm17
    vmovaps zmmword ptr [r11 + 64*\r], zmm1
    vmovaps zmmword ptr [r11 + 64*\r + 64], zmm2
.endm

.macro SUMS d                       // of one digit floats are exact, f times what they are
    vmovups zmm0, zmmword ptr [rdx + 256*\d + 64]
    vmovups zmm3, zmmword ptr [rdx + 256*\d + 128]
.if \d == 3
    vmovdqa64 zmm17, zmmword ptr [DATA + 64]
    vmovdqu64 zmm1, zmmword ptr [rdx + 256*\d + 192]
    GK_QDOT_EACH vpsravd, zmm17
    vpdpwssd zmm8, zmm22, zmm1                                      // minus z sum X
    vpdpwssd zmm9, zmm23, zmm1
    vpdpwssd zmm10, zmm25, zmm1
    vpdpwssd zmm11, zmm26, zmm1
.else
    vcvtdq2ps zmm17, zmmword ptr [rdx + 256*\d]
    vmulps  zmm0, zmm0, zmmword ptr [DATA + 704]
    vmulps  zmm17, zmm17, zmmword ptr [DATA + 640]                  // f sum X
.endif
    vcvtdq2ps zmm8, zmm8
    vcvtdq2ps zmm9, zmm9
    vcvtdq2ps zmm10, zmm10
    vcvtdq2ps zmm11, zmm11
.if \d == 1
    vfnmadd231ps zmm8, zmm22, zmm17
    vfnmadd231ps zmm9, zmm23, zmm17
    vfnmadd231ps zmm10, zmm25, zmm17
    vfnmadd231ps zmm11, zmm26, zmm17
.endif
    TWO_ROWS 0, zmm8, zmm9
    TWO_ROWS 2, zmm10, zmm11
    add     rdx, qword ptr [rdi + 88]
    add     r11, 320
    cmp     r11, qword ptr [rdi + 432]
.endm

.macro BLOCK d                      // scales between the digits of the first input, or between codes: none need wait for others
    GK_QDOT_AHEAD 84
    vmovdqu64 zmm0, zmmword ptr [W0 + 16]
    vmovdqu64 zmm1, zmmword ptr [W1 + 16]
    vmovdqu64 zmm2, zmmword ptr [W2 + 16]
    vmovdqu64 zmm3, zmmword ptr [W3 + 16]
    mov     rax, rdx
    lea     r11, [rdi + 896]
.if \d == 3
    QUAD    0, zmm18, zmm12, zmm4, zmm28
    QUAD    1, zmm19, zmm13, zmm5, zmm29
    QUAD    2, zmm20, zmm14, zmm6, zmm30
    QUAD    3, zmm21, zmm15, zmm7, zmm31
    GK_QDOT_ZERO zmm8, zmm9, zmm10, zmm11
    ROW_SCALES 0, W0, zmm22
    DIGIT   0
    ROW_SCALES 1, W1, zmm23
    GK_QDOT_EACH vpslld, 8
    DIGIT   256
    ROW_SCALES 2, W2, zmm25
    GK_QDOT_EACH vpslld, 8
    DIGIT   512
    ROW_SCALES 3, W3, zmm26
.else
    NIBBLES W0, W1
    QUAD    0, zmm18, zmm12, zmm4, zmm28
    RATIOS  0
    QUAD    1, zmm19, zmm13, zmm5, zmm29
    ZEROS   0, zmm22, zmm23
    NIBBLES W2, W3
    vmovdqa64 zmm17, zmmword ptr [DATA + 192 + 128]
    HALF_QUAD zmm20, zmm14, zmm0, zmm1
    RATIOS  2
    HALF_QUAD zmm6, zmm30, zmm2, zmm3
    ZEROS   2, zmm25, zmm26
    QUAD    3, zmm21, zmm15, zmm7, zmm31
    GK_QDOT_DOTS 1
.endif
    SUMS    \d
    jb      L(more\d)
L(back\d):
    mov     rdx, rax
.endm

.macro MORE d                       // other inputs
L(more\d):
    GK_QDOT_DOTS \d
    SUMS    \d
    jb      L(more\d)
    jmp     L(back\d)
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_k_4, 84, LANES, MORE

#endif
