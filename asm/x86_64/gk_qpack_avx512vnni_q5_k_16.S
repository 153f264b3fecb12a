// gk_qpack_avx512vnni_q5_k_16 -- strips of Q5_K by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 256 of k: f16 d[16], dmin[16]; bytes, bit g the fifth of z of group g; four times, for two groups of 32, 704
//   bytes: [16] words z | sc << 4 | mn << 10 of the first group, then of the second, by turns; vectors a to e of each, whose bytes
//   hold codes of 5 bits, of k + 0, 4, .. 28 + i. w = d sc q - dmin mn = s (q - z) + rest.
//
//     a   q0 | q5 << 5, three bits of it                     c, d   the same of q2, q3, q6, and q7 >> 4
//     b   q1 | q5 >> 3 << 5 | q7 >> 3 << 7, one bit of it    e      q4 | q7 << 5, three bits of it
//
//   x, for a group: float d, d sum X; int16 minus[2]: -sum X = minus[0] + 1024 minus[1]
//
//   zmm10, zmm13  s     zmm11, zmm14  rests     zmm12, zmm15  (z, 1024 z)
//   room: d / 16, 2^19 d, dmin / 1024, 2^13 dmin, as for Q4_K; then the fifth bits of z
//
//   64 of sixteen rows: 128 micro-operations of vectors for three digits, 90 for one. On Ice Lake 71 cycles.
//
// mca: icelake-server 1*71 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q5_k_data
L(data):
    .long   0x07070707, 0x1f1f1f1f, 0x10101010          //   0  of bytes
    .long   0x4b000000, 0x000003f0, 0x0000fc00          //  12  2^23; where sc and mn are
    .float  0.0625, 524288.0, 0.0009765625, 8192.0      //  24
    .long   15, 31                                      //  40  z

.macro HEAD d
    GK_QPACK_SIX_BITS_HEAD 24
    vpmovzxbd zmm2, xmmword ptr [rsi + 64]
    vmovdqa64 zmmword ptr [rdi + 704], zmm2
.endm

.macro CODES at, q0, q1, q2, q3, q4, q5, q6, q7
    vmovdqu64 zmm0, zmmword ptr [rsi + \at]
    vmovdqu64 zmm1, zmmword ptr [rsi + \at + 64]
    vmovdqu64 zmm2, zmmword ptr [rsi + \at + 128]
    vmovdqu64 zmm3, zmmword ptr [rsi + \at + 192]
    vmovdqu64 zmm4, zmmword ptr [rsi + \at + 256]
    vpandd  \q0, zmm0, zmm9
    vpandd  \q1, zmm1, zmm9
    vpandd  \q2, zmm2, zmm9
    vpandd  \q3, zmm3, zmm9
    vpandd  \q4, zmm4, zmm9
    vpsrld  zmm0, zmm0, 5
    vpsrld  zmm2, zmm2, 5
    vpsrld  zmm4, zmm4, 5
    vpsrld  \q5, zmm1, 2
    vpsrld  \q6, zmm3, 2
    vpsrld  \q7, zmm1, 4
    vpternlogd \q5, zmm0, zmm8, 0xd8                    // the low three bits of a, others of b
    vpternlogd \q6, zmm2, zmm8, 0xd8
    vpternlogd \q7, zmm4, zmm8, 0xd8
    vpsrld  zmm3, zmm3, 3
    vpternlogd \q7, zmm3, dword ptr [DATA + 8]{1to16}, 0xd8
    vpandd  \q5, \q5, zmm9
    vpandd  \q6, \q6, zmm9
    vpandd  \q7, \q7, zmm9
.endm

.macro SCALES s, rest, zeros, shift // zeros holds words
    vmovdqa64 \s, \zeros
    vmovdqa64 \rest, \zeros
    vpslld  zmm7, zmm8, \shift
    vpternlogd \zeros, zmm7, dword ptr [DATA + 40]{1to16}, 0xe4
    vpandd  \zeros, \zeros, dword ptr [DATA + 44]{1to16}
    vcvtdq2ps zmm9, \zeros                              // z
    vpslld  zmm7, \zeros, 26
    vpord   \zeros, \zeros, zmm7
    GK_QPACK_SIX_BITS \s, \rest
.endm

.macro STEP d
    vpbroadcastd zmm8, dword ptr [DATA]
    vpbroadcastd zmm9, dword ptr [DATA + 4]
    CODES   64, zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23
    CODES   384, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31
    vmovdqu64 zmm12, zmmword ptr [rsi]
    vmovdqa64 zmm8, zmmword ptr [rdi + 704]
    GK_QPACK_SIX_BITS_STEP 12
    vpsrld  zmm15, zmm12, 16
    SCALES  zmm10, zmm11, zmm12, 4
    SCALES  zmm13, zmm14, zmm15, 3
    vpsrld  zmm8, zmm8, 2
    vmovdqa64 zmmword ptr [rdi + 704], zmm8
.endm

.macro INPUT d
    GK_QPACK_OFFSET_GROUPS \d, 0
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q5_k_16, 80, 704, WHOLE

#endif
