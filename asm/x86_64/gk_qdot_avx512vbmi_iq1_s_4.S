// gk_qdot_avx512vbmi_iq1_s_4 -- rows of IQ1_S by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; eight words for 32 weights: the upper 3
//   bits of four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (grid +- 1): codes are grid + 8, less z = 7 or 9.
//
//   zmm16, zmm27  d of rows 0 and 1, of 2 and 3     k2, k3  minus signs of groups     room: z at 576 and 768
//
//   256 of four rows: 259 micro-operations of vectors for three digits, 215 for one. On Ice Lake 158 cycles.
//
// mca: icelake-server 1*158

#include "gk_qdot_avx512vbmi_iq1.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq1_s_data
    GK_QDOT_IQ1_DATA
.irp j, 0, 0, 1, 1                                                              // 256  words of upper bits, of a, of b
.irp row, 0, 8
    .word   \row + \j, \row + \j + 2, \row + \j + 4, \row + \j + 6
.endr
.endr
.irp at, 0, 6, 0, 6                                                             // 320  and the places in them
.rept 2
    .byte   \at, \at + 3, \at + 16, \at + 19, \at + 32, \at + 35, \at + 48, \at + 51
.endr
.endr
.irp row, 0, 8, 16, 24                                                          // 384  groups in the order of x
    .word   \row, \row + 2, \row + 4, \row + 6, \row + 1, \row + 3, \row + 5, \row + 7
.endr
    .fill   8, 4, 0                                                             // 448
    .fill   8, 4, 1
    .long   7, 9, 7 + (7 << 26), 9 + (9 << 26)                                  // 512  z, and (z, 1024 z)
    .long   0x000e000e, 0x00010001, 2                                           // 528

.macro SETUP
    vmovdqa64 zmm16, zmmword ptr [DATA + 448]
    vpaddd  zmm27, zmm16, dword ptr [DATA + 536]{1to16}
    GK_QDOT_IQ1_SETUP 2, 50
.endm

.macro READY d                      // scales and z
    GK_QDOT_D 0
    vcvtph2ps xmm0, xmm0
    vmulps  xmm6, xmm0, dword ptr [DATA + 108]{1to4}
    vmovdqu xmm0, xmmword ptr [N0 + 34]
    vmovdqu xmm1, xmmword ptr [N2 + 34]
    vinserti128 ymm0, ymm0, xmmword ptr [N1 + 34], 1
    vinserti128 ymm1, ymm1, xmmword ptr [N3 + 34], 1
    vinserti64x4 zmm0, zmm0, ymm1, 1
    LOOKS   0, 1
    vmovdqa64 zmm1, zmmword ptr [DATA + 384]
    vpermw  zmm0, zmm1, zmm0
    vpmovw2m k2, zmm0
    kshiftrd k3, k2, 16
    vpsrlw  zmm0, zmm0, 11
    vpandd  zmm0, zmm0, dword ptr [DATA + 528]{1to16}
    vpord   zmm0, zmm0, dword ptr [DATA + 532]{1to16}                           // 2 s + 1
    vextracti64x4 ymm1, zmm0, 1
    vpmovzxwd zmm0, ymm0
    vpmovzxwd zmm1, ymm1
    LOOKS   0, 1
    vcvtdq2ps zmm0, zmm0
    vcvtdq2ps zmm1, zmm1
    vpermps zmm2, zmm16, zmm6
    vpermps zmm3, zmm27, zmm6
    LOOKS   0, 1
    vmulps  zmm0, zmm0, zmm2
    vmulps  zmm1, zmm1, zmm3
    vmovaps zmmword ptr [rdi + 448], zmm0
    vmovaps zmmword ptr [rdi + 640], zmm1
    LOOKS   0, 1
    vpbroadcastd zmm0, dword ptr [DATA + 508 + 4*\d]
    vpbroadcastd zmm1, dword ptr [DATA + 512 + 4*\d]
    vpblendmd zmm2 {k2}, zmm0, zmm1
    vpblendmd zmm3 {k3}, zmm0, zmm1
    vmovdqa64 zmmword ptr [rdi + 576], zmm2
    vmovdqa64 zmmword ptr [rdi + 768], zmm3
.endm

.macro HIGH_SETUP
    vmovdqa64 zmm5, zmmword ptr [DATA + 256]
    vmovdqa64 zmm6, zmmword ptr [DATA + 320]
.endm

.macro HIGH a, b
    vmovdqu xmm1, xmmword ptr [\a + 32]
    vinserti128 ymm1, ymm1, xmmword ptr [\b + 32], 1
    vpermw  zmm1, zmm5, zmm1
    vpmultishiftqb zmm2, zmm6, zmm1
.endm

.macro SIGNS
.endm

.macro FINISH r, v0, v1, v2, v3
    vpandd  \v0, \v0, zmm26
    vpandd  \v1, \v1, zmm26
    vpandd  \v2, \v2, zmm26
    vpandd  \v3, \v3, zmm26
.endm

.macro GK_QDOT_PAIRS_WHOLE d, shift
    vmovdqu64 zmm1, zmmword ptr [rdx + 256*\d + 448]
    vmovaps zmm8, zmmword ptr [r11]
    vmovaps zmm9, zmmword ptr [r11 + 64]
    vpdpwssd zmm0, zmm1, zmmword ptr [rdi + 576]                    // minus z sum X
    vpdpwssd zmm2, zmm1, zmmword ptr [rdi + 768]
.endm

.macro PRODUCTS d
    GK_QDOT_DOTS \d
    LOOKS   0, 2
    GK_QDOT_PAIRS_ADD WHOLE, \d, 0
.endm

.macro HEAD d
    GK_QDOT_IQ1_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_IQ1 \d, 2, 50
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq1_s_4, 50, GROUPS, GK_QDOT_IQ1_INPUTS

#endif
