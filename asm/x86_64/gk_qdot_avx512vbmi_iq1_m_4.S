// gk_qdot_avx512vbmi_iq1_m_4 -- rows of IQ1_M by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; their upper 3 bits and a sign, 4 bits each;
//   four words for 64 weights: four s of 3 bits, for 16 each, and 4 bits of f16 d. w = d (2 s + 1) / 8 (grid +- 1).
//
//   zmm22  bytes of 65 or 63 by an index and its sign     zmm23  those of two rows
//
//   256 of four rows: 235 micro-operations of vectors for three digits, 191 for one. On Ice Lake 153 cycles.
//
// mca: icelake-server 1*153 2

#include "gk_qdot_avx512vbmi_iq1.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq1_m_data
    GK_QDOT_IQ1_DATA
    .byte   0, 4, 8, 12, 16, 20, 24, 28                                         // 264  places of upper bits and signs
    .quad   0xf000f000f000f000                                                  // 272  d
    .byte   12, 44, 24, 56, 0, 0, 0, 0                                          // 280  its fours, by turns low and high
    .long   0x0f0f0f0f                                                          // 288
    .balign 64
    .long   0, 16, 32, 48, 3, 19, 35, 51, 6, 22, 38, 54, 9, 25, 41, 57          // 320  places of s
.rept 4
    .byte   65, 65, 65, 65, 65, 65, 65, 65, 63, 63, 63, 63, 63, 63, 63, 63      // 384
.endr
.irp first, 0, 16, 1, 17, 32, 48, 33, 49                                        // 448  the order of indices
.irp at, 0, 8, 2, 10, 4, 12, 6, 14
    .fill   8, 1, \first + \at
.endr
.endr

.macro SETUP
    GK_QDOT_IQ1_SETUP
    vmovdqa64 zmm22, zmmword ptr [DATA + 384]
.endm

.macro FACTORS                      // of d in the upper bits of four words
    vmovq   xmm0, qword ptr [N0 + 48]
    vmovq   xmm1, qword ptr [N2 + 48]
    vpinsrq xmm0, xmm0, qword ptr [N1 + 48], 1
    vpinsrq xmm1, xmm1, qword ptr [N3 + 48], 1
    vinserti128 ymm0, ymm0, xmm1, 1
    vpbroadcastq ymm1, qword ptr [DATA + 280]
    vpandq  ymm0, ymm0, qword ptr [DATA + 272]{1to4}
    vpmultishiftqb ymm0, ymm1, ymm0
    vpsrld  ymm1, ymm0, 16
    vpor    ymm0, ymm0, ymm1
    vpmovqw xmm0, ymm0
    GK_QDOT_FACTORS_OF_XMM0
.endm

.macro SCALES r, at
    GK_QDOT_ODD16 \r, \at + 48, 320, 104
.endm

.macro WORDS a, b
    GK_QDOT_IQ1_LOAD \a, \b, 32, 264
    vpandd  zmm2, zmm2, dword ptr [DATA + 288]{1to16}
    vpshufb zmm23, zmm22, zmm2
    GK_QDOT_IQ1_WORDS
.endm

.macro SHIFT v, order
    vmovdqa64 zmm2, zmmword ptr [DATA + \order]
    vpermb  zmm2, zmm2, zmm23
    vpaddb  \v, \v, zmm2
.endm

.macro UNSIGNED side, v0, v1, v2, v3
    SHIFT   \v0, 448 + 256*\side
    SHIFT   \v1, 512 + 256*\side
    SHIFT   \v2, 576 + 256*\side
    SHIFT   \v3, 640 + 256*\side
.endm

.macro HEAD d
    FACTORS
    GK_QDOT_SCALES16
.endm

.macro BLOCK d
    GK_QDOT_AHEAD 56
    GK_QDOT_IQ1_CODES
    GK_QDOT_16_OF_CODES \d
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq1_m_4, 56, LANES

#endif
