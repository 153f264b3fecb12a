// gk_qpack_avx512vnni_q3_k_16 -- strips of Q3_K by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A strip, for each 256 of k: f16 d[16]; four times, for four groups of 16, 448 bytes: int8 sc[4][16]; vectors a to f, whose
//   bytes hold codes of 3 bits, two of them and two bits of others. w = d sc (q - 4). Those of k + 0, 4, 8, 12 of a group are
//
//     group 0   bits 0-2 of a, b, c, d        2   bits 0-2 of e, f, u, v
//           1   bits 3-5 of a, b, c, d        3   bits 3-5 of e, f, u, v
//
//   u is the upper two bits of d, c, b and a, from bit 0 on, v those of f and e, then the upper two of u.
//
//   x, for a group: float d; int32 -4 sum X; of odd groups d / 8 and -32 sum X, for their sums are of 8 q X.
//
//   zmm10 .. zmm13  sc     room: d
//
//   64 of sixteen rows: 111 micro-operations of vectors for three digits, 67 for one. On Ice Lake 56 cycles.
//
// mca: icelake-server 1*56 2

#include "gk_qpack_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qpack_avx512vnni_q3_k_data
L(data):
    .long   0x07070707, 0x38383838                      // q of even groups, and odd
    .long   0x03030303, 0x0f0f0f0f, 0x3f3f3f3f

.macro HEAD d
    vcvtph2ps zmm0, ymmword ptr [rsi]
    vmovaps zmmword ptr [rdi + 448], zmm0
.endm

.macro CODES from, q, odd           // both codes of a byte
    vpandd  \q, \from, zmm8
    vpandd  \odd, \from, zmm9                           // 8 q
.endm

.macro PUT to, from, shift, low, mask       // \to = \from >> \shift where \mask is set, elsewhere \low
    vpsrld  \to, \from, \shift
    vpternlogd \to, \low, dword ptr [DATA + \mask]{1to16}, 0xe4
.endm

.macro STEP d
    vpbroadcastd zmm8, dword ptr [DATA]
    vpbroadcastd zmm9, dword ptr [DATA + 4]
    vmovdqu64 zmm0, zmmword ptr [rsi + 64]
    vmovdqu64 zmm1, zmmword ptr [rsi + 128]
    vmovdqu64 zmm2, zmmword ptr [rsi + 192]
    vmovdqu64 zmm3, zmmword ptr [rsi + 256]
    vmovdqu64 zmm4, zmmword ptr [rsi + 320]
    vmovdqu64 zmm5, zmmword ptr [rsi + 384]
    CODES   zmm0, zmm16, zmm20
    CODES   zmm1, zmm17, zmm21
    CODES   zmm2, zmm18, zmm22
    CODES   zmm3, zmm19, zmm23
    CODES   zmm4, zmm24, zmm28
    CODES   zmm5, zmm25, zmm29
    PUT     zmm1, zmm1, 2, zmm0, 16
    PUT     zmm2, zmm2, 4, zmm1, 12
    PUT     zmm3, zmm3, 6, zmm2, 8                      // u
    vpsrld  zmm4, zmm4, 4
    PUT     zmm5, zmm5, 6, zmm4, 8
    vpsrld  zmm0, zmm3, 2
    vpternlogd zmm5, zmm0, dword ptr [DATA + 12]{1to16}, 0xe4    // v
    CODES   zmm3, zmm26, zmm30
    CODES   zmm5, zmm27, zmm31
    GK_QPACK_SCALE zmm10, 0
    GK_QPACK_SCALE zmm11, 16
    GK_QPACK_SCALE zmm12, 32
    GK_QPACK_SCALE zmm13, 48
.endm

.macro INPUT d
    GK_QPACK_GROUPS_OF_16 \d, 0
.endm

GK_QPACK_FUNC gk_qpack_avx512vnni_q3_k_16, 32, 448, SCALED

#endif
