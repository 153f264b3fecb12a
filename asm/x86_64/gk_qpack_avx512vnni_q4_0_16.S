// gk_qpack_avx512vnni_q4_0_16 -- strips of Q4_0 by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 64 of k, which is two groups of 32, 576 bytes: f16 d[2][16]; four quads of nibbles of each.
//   w = d (q - 8). x, for a group: float d / 16; int32 -128 sum X.
//
//   zmm10, zmm13  d
//
//   64 of sixteen rows: 74 micro-operations of vectors for three digits, 46 for one. On Ice Lake 45 cycles.
//
// mca: icelake-server 1*45 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q4_0_data
L(data):
    .long   0x0f0f0f0f

.macro HEAD d
.endm

.macro STEP d
    GK_QPACK_HALF_SCALES
    GK_QPACK_NIBBLES_OF_STEP \d, 64, 0
.endm

.macro INPUT d
    GK_QPACK_GROUPS \d, 4
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q4_0_16, 0, 576, WHOLE

#endif
