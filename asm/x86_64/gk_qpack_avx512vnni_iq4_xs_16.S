// gk_qpack_avx512vnni_iq4_xs_16 -- strips of IQ4_XS by a few rows of x.                           AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 256 of k: f16 d[16]; four times, for two groups of 32, 544 bytes: int8 sc[2][16]; four quads of nibbles of
//   each. w = d sc level[q]. x, for a group: float d; int32 -128 sum X, for levels are bytes + 128.
//
//   zmm10, zmm13  sc     room: d
//
//   64 of sixteen rows: 106 micro-operations of vectors for three digits, 68 for one. On Ice Lake 62 cycles.
//
// mca: icelake-server 1*62 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_iq4_xs_data
L(data):
    GK_QPACK_LEVELS_DATA                                //   0
    .long   0x0f0f0f0f                                  //  16

.macro HEAD d
    vcvtph2ps zmm0, ymmword ptr [rsi]
    vmovaps zmmword ptr [rdi + 448], zmm0
.endm

.macro STEP d
    GK_QPACK_SCALE zmm10, 0
    GK_QPACK_SCALE zmm13, 16
    GK_QPACK_LEVELS_OF_STEP 32, 16, 0
.endm

.macro INPUT d
    GK_QPACK_GROUPS \d, 0
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_iq4_xs_16, 32, 544, SCALED

#endif
