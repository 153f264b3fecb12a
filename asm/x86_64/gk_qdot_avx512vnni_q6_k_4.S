// gk_qdot_avx512vnni_q6_k_4 -- rows of Q6_K by one row of x.                                     AVX-512 F, BW, DQ, VNNI
//
//   A block is 210 bytes: 128 of nibbles, 64 of them the low halves of two groups and the high halves of the next two;
//   64 of the upper two bits, 32 of them for four groups; sc[16] of int8; f16 d. w = d sc (q - 32), q in 0 .. 63.
//
//   zmm12 .. zmm15  scales of the four rows, times that of x          zmm24  fifteens
//   zmm16 .. zmm19  16ths 4h .. 4h + 3, each four times, h = 0 .. 3   zmm25  shifts left of the upper bits, 4 | 2
//   zmm20  32       zmm21  48                                         zmm26  and right, 0 | 2
//
//   A block of four rows: micro-operations of vectors 12.5 a step of 64 codes for three digits and 7.5 for one, and 25
//   besides: 225 and 145.

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

#define DATA rip + gk_qdot_avx512vnni_q6_k_data

GK_CONST gk_qdot_avx512vnni_q6_k_data
    .long   0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3          //  0  the first four 16ths
    .long   4                                                       // 64
    .byte   15, 15, 15, 15, 32, 32, 32, 32, 48, 48, 48, 48          // 68
    .word   2, 2, 4, 4                                              // 80

.macro SETUP
    vpbroadcastd zmm0, dword ptr [DATA + 64]
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpaddd  zmm17, zmm16, zmm0
    vpaddd  zmm18, zmm17, zmm0
    vpaddd  zmm19, zmm18, zmm0
    vpbroadcastd zmm24, dword ptr [DATA + 68]
    vpbroadcastd zmm20, dword ptr [DATA + 72]
    vpbroadcastd zmm21, dword ptr [DATA + 76]
    vpbroadcastd ymm0, dword ptr [DATA + 80]
    vpbroadcastd ymm25, dword ptr [DATA + 84]
    vpxord  zmm26, zmm26, zmm26
    vinserti64x4 zmm25, zmm25, ymm0, 1
    vinserti64x4 zmm26, zmm26, ymm0, 1
.endm

.macro LOW_EVEN at, c               // the nibbles of 64 codes
    vpandd  zmm7, zmm24, zmmword ptr [\at + 64*\c]
.endm

.macro LOW_ODD at, c
    vpsrlw  zmm7, zmmword ptr [\at + 64*\c], 4
    vpandd  zmm7, zmm7, zmm24
.endm

.macro HIGH_EVEN                    // their upper bits
    vpsllvw zmm1, zmm1, zmm25
.endm

.macro HIGH_ODD
    vpsrlvw zmm1, zmm1, zmm26
.endm

.macro STEP d, half, c, at, groups, scale, acc      // 64 codes of the block at \at
    vbroadcasti32x8 zmm1, ymmword ptr [\at + 128 + 32*\c]
    LOW_\half \at, \c
    HIGH_\half
    vpternlogd zmm7, zmm1, zmm21, 0xf8              // q = low | high & 48
.if \d == 3
    vpsubb  zmm1, zmm7, zmm20                       // q - 32
.endif
    GK_QDOT_SIGNED \d, zmm7, zmm1
    GK_QDOT_ADD \groups, \scale, \acc
.endm

.macro STEPS d, h, half, c, groups
    GK_QDOT_DIGITS \d, \h
    GK_QDOT_START \d, \h, 2
    STEP    \d, \half, \c, W0, \groups, zmm12, zmm8
    STEP    \d, \half, \c, W1, \groups, zmm13, zmm9
    STEP    \d, \half, \c, W2, \groups, zmm14, zmm10
    STEP    \d, \half, \c, W3, \groups, zmm15, zmm11
.endm

.macro SCALES d, r, at              // of a row, times those of x
    vpmovsxbd zmm0, xmmword ptr [\at + 192]
    vcvtdq2ps zmm0, zmm0
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r + 4]{1to16}
    vmulps  zmm0, zmm0, zmmword ptr [r11 + 256*\d + 512]
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro HEAD d
    vmovd   xmm0, dword ptr [N0 + 206]
    vpinsrd xmm0, xmm0, dword ptr [N1 + 206], 1
    vpinsrd xmm0, xmm0, dword ptr [N2 + 206], 2
    vpinsrd xmm0, xmm0, dword ptr [N3 + 206], 3
    vcvtph2ps ymm0, xmm0                            // . d . d . d . d
    vmovups ymmword ptr [rdi + 704], ymm0
    SCALES  \d, 0, N0
    SCALES  \d, 1, N1
    SCALES  \d, 2, N2
    SCALES  \d, 3, N3
.endm

.macro BLOCK d
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 448 + 64]
    vmovaps zmm14, zmmword ptr [rdi + 448 + 128]
    vmovaps zmm15, zmmword ptr [rdi + 448 + 192]
    GK_QDOT_AHEAD W0, 210
    GK_QDOT_AHEAD W1, 210
    GK_QDOT_AHEAD W2, 210
    GK_QDOT_AHEAD W3, 210
    HEAD    \d
    STEPS   \d, 0, EVEN, 0, zmm16
    STEPS   \d, 1, ODD,  0, zmm17
    STEPS   \d, 2, EVEN, 1, zmm18
    STEPS   \d, 3, ODD,  1, zmm19
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q6_k_4, 210

#endif
