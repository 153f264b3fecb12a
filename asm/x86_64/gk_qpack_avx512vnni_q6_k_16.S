// gk_qpack_avx512vnni_q6_k_16 -- strips of Q6_K by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 256 of k: f16 d[16]; four times, for four groups of 16, 832 bytes: int8 sc[4][16]; of each group vectors
//   a, b, c, whose bytes hold codes of 6 bits, of k + 0, 4, 8, 12 + i:
//
//     a[i]  q0[i]     | q3[i] >> 4 << 6              w = d sc (q - 32)
//     b[i]  q1[i] * 4 | q3[i] >> 2 & 3
//     c[i]  q2[i]     | (q3[i + 1] & 3) << 6         b and c, to the left by 4, have the rest of q3 where it is wanted
//
//   x, for a group: float d / 4; int32 -128 sum X. Sums are of 4 q X: of three digits those that go with q0 and q2 are of 4 X.
//
//   zmm10 .. zmm13  sc     room: d
//
//   64 of sixteen rows: 112 micro-operations of vectors for three digits, 72 for one. On Ice Lake 60 cycles.
//
// mca: icelake-server 1*60 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q6_k_data
L(data):
    .long   0x3f3f3f3f, 0xfcfcfcfc

.macro HEAD d
    vcvtph2ps zmm0, ymmword ptr [rsi]
    vmovaps zmmword ptr [rdi + 448], zmm0
.endm

.macro CODES at, q0, q1, q2, q3
    vmovdqu64 zmm0, zmmword ptr [rsi + \at]
    vmovdqu64 zmm1, zmmword ptr [rsi + \at + 64]
    vmovdqu64 zmm2, zmmword ptr [rsi + \at + 128]
    vpandd  \q0, zmm0, zmm8
    vpandd  \q1, zmm1, zmm9                         // 4 q1
    vpandd  \q2, zmm2, zmm8
    vpternlogd zmm1, zmm2, zmm8, 0xe4               // c where it has q3, else b
    vprold  zmm1, zmm1, 4
    vpternlogd zmm0, zmm1, zmm8, 0xd8               // a where it has q3, else these
    vpandd  \q3, zmm0, zmm9                         // 4 q3
.endm

.macro STEP d
    vpbroadcastd zmm8, dword ptr [DATA]
    vpbroadcastd zmm9, dword ptr [DATA + 4]
    CODES   64, zmm16, zmm17, zmm18, zmm19
    CODES   256, zmm20, zmm21, zmm22, zmm23
    CODES   448, zmm24, zmm25, zmm26, zmm27
    CODES   640, zmm28, zmm29, zmm30, zmm31
    GK_QPACK_SCALE zmm10, 0
    GK_QPACK_SCALE zmm11, 16
    GK_QPACK_SCALE zmm12, 32
    GK_QPACK_SCALE zmm13, 48
.endm

.macro INPUT d
    GK_QPACK_GROUPS_OF_16 \d, 2
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q6_k_16, 32, 832, SCALED

#endif
