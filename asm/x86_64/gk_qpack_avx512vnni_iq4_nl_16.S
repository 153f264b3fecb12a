// gk_qpack_avx512vnni_iq4_nl_16 -- strips of IQ4_NL by a few rows of x.                           AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 64 of k, which is two groups of 32, 576 bytes: f16 d[2][16]; four quads of nibbles of each.
//   w = d level[q]. x, for a group: float d; int32 -128 sum X, for levels are bytes + 128.
//
//   zmm10, zmm13  d
//
//   64 of sixteen rows: 106 micro-operations of vectors for three digits, 68 for one. On Ice Lake 60 cycles.
//
// mca: icelake-server 1*60 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_iq4_nl_data
L(data):
    GK_QPACK_LEVELS_DATA                                //   0
    .long   0x0f0f0f0f                                  //  16

.macro HEAD d
.endm

.macro STEP d
    GK_QPACK_HALF_SCALES
    GK_QPACK_LEVELS_OF_STEP 64, 16, 0
.endm

.macro INPUT d
    GK_QPACK_GROUPS \d, 0
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_iq4_nl_16, 0, 576, WHOLE

#endif
