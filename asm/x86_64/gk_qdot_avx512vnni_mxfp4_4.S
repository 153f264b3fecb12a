// gk_qdot_avx512vnni_mxfp4_4 -- rows of MXFP4 by a few rows of x.                                 AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 32 is 17 bytes: e, then 16 bytes of nibbles, the low halves of them first. w = 2^(e - 128) level[q]. Where
//   that is beyond what codes serve, 2^-40 .. 2^60, the row is NaN: its caller takes another way.
//
//   zmm24  fifteens       zmm25  shifts 0 | 4       zmm26  where SCALES finds e     zmm27  levels + 16
//   k1 .. k3  bytes n + 17 j     k4  where e is such a one     k7  the upper half of double words
//   zmm22  e of 2^-40     zmm23  100
//
//   256 of four rows: 190 micro-operations of vectors for three digits, 146 for one. On Ice Lake 94 cycles.
//
// mca: icelake-server 1*94 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_mxfp4_data
L(data):
    .irp    j, 0, 1, 2, 3                                           //   0  four bytes of each quarter, widened
    .byte   \j, -1, -1, -1, \j + 1, -1, -1, -1, \j + 2, -1, -1, -1, \j + 3, -1, -1, -1
    .endr
    .long   0, 8, 1, 9, 4, 12, 5, 13, 2, 10, 3, 11, 6, 14, 7, 15    //  64  of the first row, of the second
    .byte   16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4        // 128
    .long   88, 100, 0x7fc00000, 0x00800000                         // 144

.macro SETUP
    GK_QDOT_NIBBLES_SETUP
    vmovdqa64 zmm26, zmmword ptr [DATA]
    vbroadcasti32x4 zmm27, xmmword ptr [DATA + 128]
    vpbroadcastd zmm22, dword ptr [DATA + 144]
    vpbroadcastd zmm23, dword ptr [DATA + 148]
    movabs  rax, 0x0010000800040002
    kmovq   k1, rax
    kaddq   k2, k1, k1
    kaddq   k3, k2, k2
.endm

.macro SCALES a, b, room            // e of blocks j and 4 + j of the first row, then of the second, to bytes 17 j ..
    vmovdqu64 zmm0, zmmword ptr [\a]
    vmovdqu8 zmm0 {k1}, zmmword ptr [\a + 68 - 1]
    vmovdqu8 zmm0 {k2}, zmmword ptr [\b - 2]
    vmovdqu8 zmm0 {k3}, zmmword ptr [\b + 68 - 3]
    vmovdqa64 zmm1, zmmword ptr [DATA + 64]
    vpshufb zmm0, zmm0, zmm26
    vpermd  zmm0, zmm1, zmm0
    vpsubd  zmm1, zmm0, zmm22
    vpcmpnleud k4, zmm1, zmm23
    vpslld  zmm0, zmm0, 23
    vpsubd  zmm0, zmm0, dword ptr [DATA + 156]{1to16}
    vpbroadcastd zmm0 {k4}, dword ptr [DATA + 152]
    vmovaps zmmword ptr [rdi + \room], zmm0
.endm

.macro STEP h, at, to
    GK_QDOT_NIBBLES \to, \at + 34*\h + 1, \at + 34*\h + 18
    GK_QDOT_LEVELS \to
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 136, 4
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_mxfp4_4, 136, GROUPS

#endif
