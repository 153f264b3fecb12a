// gk_qdot_avx512vnni_q8_k_4 -- rows of Q8_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block of 256 is 292 bytes: f32 d, 256 of int8, sums that are not needed. w = d q. Where d is beyond what codes serve, as
//   put_scales_of_16 has it, or NaN, the row is NaN: its caller takes another way.
//
//   zmm24  bytes of 128     xmm22  all but signs     xmm23  2^-40, as bits     xmm25  2^60 less that     xmm26  NaN
//   k1     where d is such a one
//
//   256 of four rows: 133 micro-operations of vectors for three digits, 89 for one. On Ice Lake 76 cycles.
//
// mca: icelake-server 1*76 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q8_k_data
L(data):
    .long   0x80808080, 0x7fffffff, 0x2b800000, 0x32000000, 0x7fc00000

.macro SETUP
    vpbroadcastd zmm24, dword ptr [DATA]
    vpbroadcastd xmm22, dword ptr [DATA + 4]
    vpbroadcastd xmm23, dword ptr [DATA + 8]
    vpbroadcastd xmm25, dword ptr [DATA + 12]
    vpbroadcastd xmm26, dword ptr [DATA + 16]
    mov     eax, 0xff00
    kmovd   k2, eax
.endm

.macro PAIR_SCALES a, b, room       // from d of two rows
    vbroadcastss zmm0, dword ptr [rdi + \a]
    vbroadcastss zmm0 {k2}, dword ptr [rdi + \b]
    vmovaps zmmword ptr [rdi + \room], zmm0
.endm

.macro STEP h, at, to
    vpxord  zmm\to, zmm24, zmmword ptr [\at + 64*\h + 4]            // q + 128
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    vmovd   xmm0, dword ptr [N0]
    vpinsrd xmm0, xmm0, dword ptr [N1], 1
    vpinsrd xmm0, xmm0, dword ptr [N2], 2
    vpinsrd xmm0, xmm0, dword ptr [N3], 3
    vpandd  xmm1, xmm0, xmm22
    vpsubd  xmm2, xmm1, xmm23
    vptestmd k1, xmm1, xmm1                                         // not 0,
    vpcmpnleud k1 {k1}, xmm2, xmm25                                 // nor of 2^-40 .. 2^60
    vmovdqa32 xmm0 {k1}, xmm26
    vmovaps xmmword ptr [rdi + 704], xmm0
    PAIR_SCALES 704, 708, 448
    PAIR_SCALES 712, 716, 640
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 292, 7
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q8_k_4, 292, GROUPS

#endif
