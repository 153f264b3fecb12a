// gk_qpack_avx512vnni_q8_0_16 -- strips of Q8_0 by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 64 of k, which is two groups of 32, 1088 bytes: f16 d[2][16]; eight quads of bytes q + 128 of each.
//   w = d q. x, for a group: float d; int32 -128 sum X.
//
//   zmm10, zmm13  d
//
//   64 of sixteen rows: 66 micro-operations of vectors for three digits, 28 for one. On Ice Lake 52 cycles.
//
// mca: icelake-server 1*52 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

.macro HEAD d
.endm

.macro STEP d
    GK_QPACK_HALF_SCALES
.irp r, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vmovdqu64 zmm\r, zmmword ptr [rsi + 64*\r - 960]
.endr
.endm

.macro INPUT d
    GK_QPACK_GROUPS \d, 0
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q8_0_16, 0, 1088, WHOLE

#endif
