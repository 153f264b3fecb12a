// gk_qdot_avx512vnni_q8_0_4 -- rows of Q8_0 by one row of x.                                     AVX-512 F, BW, DQ, VNNI
//
//   A block of 32 is 34 bytes: f16 d, then 32 of int8. w = d q. Two rows share the vectors that make scales; words that a
//   mask leaves out are not read.
//
//   zmm12, zmm13  scales times that of x, row 0 | row 1 and row 2 | row 3    zmm24  bytes of 128
//   zmm16 .. 19   blocks 2h | 2h + 1 of the first row, h = 0 .. 3            zmm25  scale of x, for two rows
//   zmm20 .. 23   of the second                                              zmm26  every other, twice
//   k1 .. k7      words n and n + 17                                         zmm27  d of two rows, as SCALES loads them
//
//   256 of four rows: micro-operations of vectors 10 a step of 64 codes for three digits and 6 for one, and 11 for two
//   rows of scales: 182 and 118.

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

#define DATA rip + gk_qdot_avx512vnni_q8_0_data

GK_CONST gk_qdot_avx512vnni_q8_0_data
    .long   0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1          //   0  blocks 0 | 1
    .long   0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14    //  64  every other, twice
    .word   0, 17, 2, 19, 4, 21, 6, 23, 1, 18, 3, 20, 5, 22, 7, 24  // 128  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .long   2, 8, 0x80808080                                        // 192

.macro SETUP
    vpbroadcastd zmm0, dword ptr [DATA + 192]
    vpbroadcastd zmm1, dword ptr [DATA + 196]
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpaddd  zmm17, zmm16, zmm0
    vpaddd  zmm18, zmm17, zmm0
    vpaddd  zmm19, zmm18, zmm0
    vpaddd  zmm20, zmm16, zmm1
    vpaddd  zmm21, zmm17, zmm1
    vpaddd  zmm22, zmm18, zmm1
    vpaddd  zmm23, zmm19, zmm1
    vpbroadcastd zmm24, dword ptr [DATA + 200]
    vmovdqa64 zmm26, zmmword ptr [DATA + 64]
    vmovdqa64 zmm27, zmmword ptr [DATA + 128]
    mov     eax, 0x00040002
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
    kaddd   k4, k3, k3
    kaddd   k5, k4, k4
    kaddd   k6, k5, k5
    kaddd   k7, k6, k6
.endm

.macro SCALES a, b, room            // of eight blocks at \a and \b, times those of x: d of blocks 2j, 2j + 1 to words 2j, 2j + 17, and one on
    vmovdqu16 zmm0, zmmword ptr [\a]
    vmovdqu16 zmm0 {k1}, zmmword ptr [\b - 2]
    vmovdqu16 zmm0 {k2}, zmmword ptr [\a + 64]
    vmovdqu16 zmm0 {k3}, zmmword ptr [\b + 62]
    vmovdqu16 zmm0 {k4}, zmmword ptr [\a + 128]
    vmovdqu16 zmm0 {k5}, zmmword ptr [\b + 126]
    vmovdqu16 zmm0 {k6}, zmmword ptr [\a + 192]
    vmovdqu16 zmm0 {k7}, zmmword ptr [\b + 190]
    vpermw  zmm0, zmm27, zmm0
    vcvtph2ps zmm0, ymm0
    vmulps  zmm0, zmm0, zmm25
    vmovaps zmmword ptr [rdi + \room], zmm0
.endm

.macro STEP d, h, at, groups, scale, acc    // 64 codes from two blocks of \at
    vmovdqu ymm7, ymmword ptr [\at + 68*\h + 2]
    vinserti64x4 zmm7, zmm7, ymmword ptr [\at + 68*\h + 36], 1
    vpxord  zmm1, zmm7, zmm24                       // q + 128
    GK_QDOT_SIGNED \d, zmm1, zmm7
    GK_QDOT_ADD \groups, \scale, \acc
.endm

.macro STEPS d, h, first, second
    GK_QDOT_DIGITS \d, \h
    GK_QDOT_START \d, \h, 0
    STEP    \d, \h, W0, \first,  zmm12, zmm8
    STEP    \d, \h, W1, \second, zmm12, zmm9
    STEP    \d, \h, W2, \first,  zmm13, zmm10
    STEP    \d, \h, W3, \second, zmm13, zmm11
.endm

.macro HEAD d
    vpermps zmm25, zmm26, zmmword ptr [r11 + 256*\d + 512]
    SCALES  N0, N1, 448
    SCALES  N2, N3, 512
.endm

.macro BLOCK d
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 512]
    GK_QDOT_AHEAD W0, 272
    GK_QDOT_AHEAD W1, 272
    GK_QDOT_AHEAD W2, 272
    GK_QDOT_AHEAD W3, 272
    HEAD    \d
    STEPS   \d, 0, zmm16, zmm20
    STEPS   \d, 1, zmm17, zmm21
    STEPS   \d, 2, zmm18, zmm22
    STEPS   \d, 3, zmm19, zmm23
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q8_0_4, 272

#endif
