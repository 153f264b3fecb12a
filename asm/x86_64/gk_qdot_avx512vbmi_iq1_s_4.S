// gk_qdot_avx512vbmi_iq1_s_4 -- rows of IQ1_S by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; eight words for 32 weights: the upper 3
//   bits of four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (grid +- 1): codes are grid + 8, less z = 7 or 9.
//
//   zmm22  bytes of 8     k2  minus signs of groups     room: z at 576 and 768, after scales of two rows
//
//   256 of four rows: 212 micro-operations of vectors for three digits, 168 for one. On Ice Lake 152 cycles.
//
// mca: icelake-server 1*152 2

#include "gk_qdot_avx512vbmi_iq1.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq1_s_data
    GK_QDOT_IQ1_DATA
    .byte   0, 3, 6, 9, 16, 19, 22, 25                                          // 264  places of upper bits
    .long   0x08080808, 0x8000                                                  // 272
    .long   7, 9, 7 + (7 << 26), 9 + (9 << 26)                                  // 280  z, and (z, 1024 z)
    .balign 64
    .word   0, -1, 8, -1, 1, -1, 9, -1, 2, -1, 10, -1, 3, -1, 11, -1            // 320  words of two rows by turns
    .word   4, -1, 12, -1, 5, -1, 13, -1, 6, -1, 14, -1, 7, -1, 15, -1

.macro SETUP
    GK_QDOT_IQ1_SETUP
    vpbroadcastd zmm22, dword ptr [DATA + 272]
.endm

.macro SCALES pair, a, b
    vmovdqu xmm0, xmmword ptr [\a + 34]
    vinserti128 ymm0, ymm0, xmmword ptr [\b + 34], 1
    vmovdqa64 zmm1, zmmword ptr [DATA + 320]
    vpermw  zmm0, zmm1, zmm0
    vpermd  zmm1, zmm16, zmm0
    vptestmd k2, zmm1, dword ptr [DATA + 276]{1to16}
    vpbroadcastd zmm1, dword ptr [DATA + 276 + 4*L(d)]
    vpbroadcastd zmm1 {k2}, dword ptr [DATA + 280 + 4*L(d)]
    vmovdqa64 zmmword ptr [rdi + 576 + 192*\pair], zmm1
    vpsrlw  zmm0, zmm0, 12
    vpandd  zmm0, zmm0, dword ptr [DATA + 104]{1to16}
    GK_QDOT_ODD32 \pair
.endm

.macro WORDS a, b
    GK_QDOT_IQ1_LOAD \a + 2, \b + 2, 32, 264
    GK_QDOT_IQ1_WORDS
.endm

.macro UNSIGNED side, v0, v1, v2, v3
    vpaddb  \v0, \v0, zmm22
    vpaddb  \v1, \v1, zmm22
    vpaddb  \v2, \v2, zmm22
    vpaddb  \v3, \v3, zmm22
.endm

.macro GK_QDOT_PAIRS_WHOLE d, shift
    vmovdqu64 zmm1, zmmword ptr [rdx + 256*\d + 448]
    vmovaps zmm8, zmmword ptr [r11]
    vmovaps zmm9, zmmword ptr [r11 + 64]
    vpdpwssd zmm0, zmm1, zmmword ptr [rdi + 576]                    // minus z sum X
    vpdpwssd zmm2, zmm1, zmmword ptr [rdi + 768]
.endm

.macro HEAD d
    GK_QDOT_FACTORS 0
    GK_QDOT_SCALES32
.endm

.macro BLOCK d
    GK_QDOT_AHEAD 50
    GK_QDOT_IQ1_CODES
    GK_QDOT_PAIRS_OF_CODES WHOLE, \d, 0
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq1_s_4, 50, GROUPS

#endif
