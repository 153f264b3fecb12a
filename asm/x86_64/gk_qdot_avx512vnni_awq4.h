// gk_qdot_avx512vnni_awq4.h -- rows of AWQ4 or GPTQ4 by a few rows of x: one layout.           AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 128 is 72 bytes: f16 s, zero, 4 bytes that do not count, 64 of nibbles, the low halves of them first.
//   w = s q - m, m = s zero. = s (q - z) + rest, z = round(m / s) in 0 .. 15: rest and s (q - z) are 0 wherever w is.
//
//   zmm24  fifteens     k1, k2, k3  double words 1, 2, 3     zmm25, zmm26  where SCALES finds s and zero of two rows

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

.macro CONSTANTS
L(data):
    .long   0, 0, 2, 2, 0, 0, 2, 2, 4, 4, 6, 6, 4, 4, 6, 6          //   0  s of the first row, of the second
    .long   1, 1, 3, 3, 1, 1, 3, 3, 5, 5, 7, 7, 5, 5, 7, 7          //  64  zero
    .long   0x0f0f0f0f                                              // 128
    .float  15.0                                                    // 132
.endm

.macro SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 128]
    vmovdqa64 zmm25, zmmword ptr [DATA]
    vmovdqa64 zmm26, zmmword ptr [DATA + 64]
    mov     eax, 2
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
.endm

.macro SCALES a, b, room
    vmovd   xmm0, dword ptr [\a]
    vmovdqu32 xmm0 {k1}, xmmword ptr [\a + 72 - 4]
    vmovdqu32 xmm0 {k2}, xmmword ptr [\b - 8]
    vmovdqu32 xmm0 {k3}, xmmword ptr [\b + 72 - 12]
    vcvtph2ps ymm1, xmm0
    vpermps zmm0, zmm25, zmm1                           // s
    vpermps zmm2, zmm26, zmm1
    vmulps  zmm2, zmm2, zmm0                            // m
    GK_QDOT_ZEROS 132
    GK_QDOT_ZEROS_STORE \room
.endm

.macro STEP h, at, to
.if \h % 2
    vpsrlw  zmm\to, zmmword ptr [\at + 72*(\h/2) + 8], 4
    vpandd  zmm\to, zmm\to, zmm24
.else
    vpandd  zmm\to, zmm24, zmmword ptr [\at + 72*(\h/2) + 8]
.endif
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS UNSIGNED, \d, 144
.endm

#endif
