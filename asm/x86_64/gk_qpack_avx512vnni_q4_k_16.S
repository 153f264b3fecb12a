// gk_qpack_avx512vnni_q4_k_16 -- strips of Q4_K by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 256 of k: f16 d[16], dmin[16]; four times, for two groups of 32, 576 bytes: [16] words z | sc << 4 |
//   mn << 10 of the first group, then of the second, by turns; four quads of nibbles of each. w = d sc q - dmin mn =
//   s (q - z) + rest.
//
//   x, for a group: float d / 16, d sum X; int16 minus[2]: -16 sum X = minus[0] + 2048 minus[1]
//
//   zmm10, zmm13  s     zmm11, zmm14  rests     zmm12, zmm15  (z, 2048 z)     room: d / 16, 2^19 d, dmin / 1024, 2^13 dmin
//
//   Integers below 2^23 are floats less 2^23 once they have its exponent: sc 16 + 2^23 times d / 16, less 2^19 d, is s.
//
//   64 of sixteen rows: 89 micro-operations of vectors for three digits, 61 for one. On Ice Lake 59 cycles.
//
// mca: icelake-server 1*59 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q4_k_data
L(data):
    .float  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15        //   0  z
.irp z, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .word   \z, 2048*\z                                                 //  64
.endr
    .long   0x4b000000, 0x000003f0, 0x0000fc00                          // 128  2^23; where sc and mn are
    .float  0.0625, 524288.0, 0.0009765625, 8192.0                      // 140
    .long   0x0f0f0f0f                                                  // 156

.macro HEAD d
    GK_QPACK_SIX_BITS_HEAD 140
.endm

.macro SCALES s, rest, zeros        // zeros holds words
    vmovdqa64 \s, \zeros
    vmovdqa64 \rest, \zeros
    vpermps zmm9, \zeros, zmm7                          // z: its index is the low four bits
    vpermd  \zeros, \zeros, zmm8
    GK_QPACK_SIX_BITS \s, \rest
.endm

.macro STEP d
    GK_QPACK_NIBBLES_OF_STEP \d, 64, 156
    vmovdqu64 zmm12, zmmword ptr [rsi]
    GK_QPACK_SIX_BITS_STEP 128
    vmovdqa64 zmm7, zmmword ptr [DATA]
    vmovdqa64 zmm8, zmmword ptr [DATA + 64]
    vpsrld  zmm15, zmm12, 16
    SCALES  zmm10, zmm11, zmm12
    SCALES  zmm13, zmm14, zmm15
.endm

.macro INPUT d
    GK_QPACK_OFFSET_GROUPS \d, 4
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q4_k_16, 64, 576, WHOLE

#endif
