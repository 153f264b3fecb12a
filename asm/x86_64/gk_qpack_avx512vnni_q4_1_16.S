// gk_qpack_avx512vnni_q4_1_16 -- strips of Q4_1 by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 64 of k, which is two groups of 32, 656 bytes: f16 d[2][16], m[2][16]; bytes z of the first | z of the
//   second << 4 [16]; four quads of nibbles of each. w = d q + m = d (q - z) + rest.
//
//   x, for a group: float d / 16, d sum X; int16 minus[2]: -16 sum X = minus[0] + 2048 minus[1]
//
//   zmm10, zmm13  d     zmm11, zmm14  rests     zmm12, zmm15  (z, 2048 z)
//
//   64 of sixteen rows: 86 micro-operations of vectors for three digits, 58 for one. On Ice Lake 54 cycles.
//
// mca: icelake-server 1*54 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q4_1_data
L(data):
    .float  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15        //   0  z
.irp z, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .word   \z, 2048*\z                                                 //  64
.endr
    .long   0x0f0f0f0f                                                  // 128

.macro HEAD d
.endm

.macro OFFSETS at, s, rest, zeros   // zeros holds z, in the low four bits
    vcvtph2ps \rest, ymmword ptr [rsi + \at]
    vpermps zmm9, \zeros, zmm7
    vpermd  \zeros, \zeros, zmm8
    vfmadd231ps \rest, zmm9, \s
.endm

.macro STEP d
    GK_QPACK_NIBBLES_OF_STEP \d, 144, 128
    GK_QPACK_HALF_SCALES
    vpmovzxbd zmm12, xmmword ptr [rsi + 128]
    vmovdqa64 zmm7, zmmword ptr [DATA]
    vmovdqa64 zmm8, zmmword ptr [DATA + 64]
    vpsrld  zmm15, zmm12, 4
    OFFSETS 64, zmm10, zmm11, zmm12
    OFFSETS 96, zmm13, zmm14, zmm15
.endm

.macro INPUT d
    GK_QPACK_OFFSET_GROUPS \d, 4
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q4_1_16, 0, 656, WHOLE

#endif
