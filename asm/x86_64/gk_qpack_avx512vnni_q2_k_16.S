// gk_qpack_avx512vnni_q2_k_16 -- strips of Q2_K by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 256 of k: f16 d[16], dmin[16]; four times, for four groups of 16, 320 bytes: bytes sc | mn << 4 [4][16];
//   vectors v0 .. v3, whose fields of two bits, from the lowest, are q of group 0, 1, 2, 3: in vi those of k + 4 i + 0 .. 3.
//   w = d sc q - dmin mn.
//
//   x, for a group: float d, sum X; of odd groups d / 4 and 4 sum X, for their sums are of 4 q X.
//
//   zmm10 .. zmm13  s = d sc     zmm14, zmm15, zmm8, zmm9  m = dmin mn     room: d, 2^23 d, dmin / 16, 2^19 dmin
//
//   s and m are exact, and integers below 2^23 are floats less 2^23 once they have its exponent. s sum q X - m sum X is rounded
//   where it is small: t = m sum X, then (s sum q X - t) - (m sum X - t).
//
//   64 of sixteen rows: 128 micro-operations of vectors for three digits, 84 for one. On Ice Lake 66 cycles.
//
// mca: icelake-server 1*66 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q2_k_data
L(data):
    .long   0x03030303, 0x0c0c0c0c                      //   0  q of even groups, and odd
    .long   0x4b000000, 0x0000000f, 0x000000f0          //   8  2^23; where sc and mn are
    .float  8388608.0, 0.0625, 524288.0                 //  20

.macro HEAD d
    vcvtph2ps zmm0, ymmword ptr [rsi]
    vcvtph2ps zmm2, ymmword ptr [rsi + 32]
    vmulps  zmm1, zmm0, dword ptr [DATA + 20]{1to16}
    vmulps  zmm3, zmm2, dword ptr [DATA + 28]{1to16}
    vmulps  zmm2, zmm2, dword ptr [DATA + 24]{1to16}
    vmovaps zmmword ptr [rdi + 448], zmm0
    vmovaps zmmword ptr [rdi + 512], zmm1
    vmovaps zmmword ptr [rdi + 576], zmm2
    vmovaps zmmword ptr [rdi + 640], zmm3
.endm

.macro CODES at, q0, q1, q2, q3
    vmovdqu64 zmm8, zmmword ptr [rsi + \at]
    vpandd  \q0, zmm8, zmm5
    vpandd  \q1, zmm8, zmm6                             // 4 q1
    vpsrld  zmm8, zmm8, 4
    vpandd  \q2, zmm8, zmm5
    vpandd  \q3, zmm8, zmm6                             // 4 q3
.endm

.macro SCALES at, s, m
    vpmovzxbd \s, xmmword ptr [rsi + \at]
    vmovdqa64 \m, \s
    vpternlogd \s, zmm4, zmm5, 0xec
    vpternlogd \m, zmm4, zmm6, 0xec
    vfmsub132ps \s, zmm1, zmm0
    vfmsub132ps \m, zmm3, zmm2
.endm

.macro STEP d
    vpbroadcastd zmm5, dword ptr [DATA]
    vpbroadcastd zmm6, dword ptr [DATA + 4]
    CODES   64, zmm16, zmm20, zmm24, zmm28
    CODES   128, zmm17, zmm21, zmm25, zmm29
    CODES   192, zmm18, zmm22, zmm26, zmm30
    CODES   256, zmm19, zmm23, zmm27, zmm31
    vmovaps zmm0, zmmword ptr [rdi + 448]
    vmovaps zmm1, zmmword ptr [rdi + 512]
    vmovaps zmm2, zmmword ptr [rdi + 576]
    vmovaps zmm3, zmmword ptr [rdi + 640]
    vpbroadcastd zmm4, dword ptr [DATA + 8]
    vpbroadcastd zmm5, dword ptr [DATA + 12]
    vpbroadcastd zmm6, dword ptr [DATA + 16]
    SCALES  0, zmm10, zmm14
    SCALES  16, zmm11, zmm15
    SCALES  32, zmm12, zmm8
    SCALES  48, zmm13, zmm9
.endm

.macro GROUP d, at, s0, s1, s2, s, m                    // zmm7 += a group whose sums are \s0, \s1, \s2
.if \d == 3
    GK_QPACK_JOIN \s0, \s1, \s2
.else
    vpaddd  \s0, \s0, \s1
.endif
    vcvtdq2ps \s0, \s0
    vmulps  \s1, \m, dword ptr [rax + \at + 4]{1to16}
    vmovaps \s2, \m
    vfmsub213ps \s0, \s, \s1
    vfmsub132ps \s2, \s1, dword ptr [rax + \at + 4]{1to16}
    vsubps  \s0, \s0, \s2
    vfmadd231ps zmm7, \s0, dword ptr [rax + \at]{1to16}
.endm

.macro GROUPS d, at, digits, a0, a1, a2, a3, b0, b1, b2, b3, s, m, t, n     // two of them
    GK_QPACK_CLEAR
    GK_QPACK_SUMS_OF_16 \d, \digits, \a0, \a1, \a2, \a3, \b0, \b1, \b2, \b3
    GROUP   \d, \at, zmm0, zmm1, zmm2, \s, \m
    GROUP   \d, \at + 8, zmm3, zmm4, zmm5, \t, \n
.endm

.macro INPUT d
    GROUPS  \d, 64*\d, 0, 16, 17, 18, 19, 20, 21, 22, 23, zmm10, zmm14, zmm11, zmm15
    GROUPS  \d, 64*\d + 16, 32, 24, 25, 26, 27, 28, 29, 30, 31, zmm12, zmm8, zmm13, zmm9
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q2_k_16, 64, 320, WHOLE

#endif
