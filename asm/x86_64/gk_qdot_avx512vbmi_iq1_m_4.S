// gk_qdot_avx512vbmi_iq1_m_4 -- rows of IQ1_M by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; their upper 3 bits and a sign, 4 bits each;
//   four words for 64 weights: four s of 3 bits, for 16 each, and 4 bits of f16 d. w = d (2 s + 1) / 8 (grid +- 1): codes
//   are grid + 10 or 8, less 9.
//
//   zmm16, zmm27  signs of a, even and odd, to lanes     zmm8, zmm9  bytes of 2 or 0 by an index and its sign, of two rows
//   k2, k3, k4    quad words 1, 2, 3
//
//   256 of four rows: 283 micro-operations of vectors for three digits, 239 for one. On Ice Lake 160 cycles.
//
// mca: icelake-server 1*160

#include "gk_qdot_avx512vbmi_iq1.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq1_m_data
    GK_QDOT_IQ1_DATA
.irp j, 0, 1, 2, 3                                                              // 256  upper bits, of a, of b
.irp row, 0, 16
    .byte   \row + \j, \row + \j + 4, \row + \j + 8, \row + \j + 12, 0, 0, 0, 0
.endr
.endr
.irp odd, 0, 1                                                                  // 320, 384  signs
.rept 4
.irp i, 0, 2, 4, 6
    .fill   4, 1, \i + \odd
.endr
.endr
.endr
    .long   63, 15, 31, 47, 2, 18, 34, 50, 5, 21, 37, 53, 8, 24, 40, 56         // 448  places of s, to bit 1
    .byte   0, 4, 8, 12, 16, 20, 24, 28                                         // 512  places of upper bits
    .byte   2, 6, 10, 14, 18, 22, 26, 30                                        // 520  of signs, to bit 1
    .quad   0xf000f000f000f000                                                  // 528  d
    .byte   12, 44, 24, 56, 0, 0, 0, 0                                          // 536  its fours, by turns low and high
    .long   0x02020202, 14, 1                                                   // 544

.macro SETUP
    vmovdqa64 zmm16, zmmword ptr [DATA + 320]
    vmovdqa64 zmm27, zmmword ptr [DATA + 384]
    mov     eax, 2
    kmovd   k2, eax
    kaddd   k3, k2, k2
    kaddd   k4, k3, k3
    GK_QDOT_IQ1_SETUP 0, 56
.endm

.macro FACTORS                      // of d in the upper bits of four words
    vpbroadcastq ymm0, qword ptr [N0 + 48]
    vpbroadcastq ymm0 {k2}, qword ptr [N1 + 48]
    vpbroadcastq ymm0 {k3}, qword ptr [N2 + 48]
    vpbroadcastq ymm0 {k4}, qword ptr [N3 + 48]
    vpbroadcastq ymm1, qword ptr [DATA + 536]
    vpandq  ymm0, ymm0, qword ptr [DATA + 528]{1to4}
    vpmultishiftqb ymm0, ymm1, ymm0
    vpsrld  ymm1, ymm0, 16
    vpor    ymm0, ymm0, ymm1
    vcvtph2ps zmm0, ymm0                                // the first of each four
    vmulps  zmm0, zmm0, dword ptr [DATA + 108]{1to16}
    vmovaps zmmword ptr [rdi + 704], zmm0
.endm

.macro SCALES r, at
    LOOK    1
    vpmultishiftqb zmm0, zmm4, qword ptr [\at + 48]{1to8}
    vpandd  zmm0, zmm0, zmm5
    vpord   zmm0, zmm0, zmm6                                                    // 2 s + 1
    vcvtdq2ps zmm0, zmm0
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 16*\r]{1to16}
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro READY d
    FACTORS
    vmovdqa64 zmm4, zmmword ptr [DATA + 448]
    vpbroadcastd zmm5, dword ptr [DATA + 548]
    vpbroadcastd zmm6, dword ptr [DATA + 552]
    GK_QDOT_SCALES16
.endm

.macro HIGH_SETUP
    vmovdqa64 zmm5, zmmword ptr [DATA + 256]
    vpbroadcastq zmm6, qword ptr [DATA + 512]
.endm

.macro NIBBLES a, b                 // zmm1 = those of two rows, 32 bits a quad word
    vmovdqu xmm1, xmmword ptr [\a + 32]
    vinserti128 ymm1, ymm1, xmmword ptr [\b + 32], 1
    vpermb  zmm1, zmm5, zmm1
.endm

.macro HIGH a, b
    NIBBLES \a, \b
    vpmultishiftqb zmm2, zmm6, zmm1
.endm

.macro SIGN to, a, b
    NIBBLES \a, \b
    vpmultishiftqb zmm1, zmm6, zmm1
    vpandnd \to, zmm1, zmm7
.endm

.macro SIGNS
    vmovdqa64 zmm5, zmmword ptr [DATA + 256]
    vpbroadcastq zmm6, qword ptr [DATA + 520]
    vpbroadcastd zmm7, dword ptr [DATA + 544]
    SIGN    zmm8, W0, W1
    SIGN    zmm9, W2, W3
.endm

.macro FINISH r, v0, v1, v2, v3
.if \r == 0
    FINISH_BY zmm8, \v0, \v1, \v2, \v3
.elseif \r == 2
    FINISH_BY zmm9, \v0, \v1, \v2, \v3
.else
.if \r == 1
    vpshufd zmm0, zmm8, 0x4e
.else
    vpshufd zmm0, zmm9, 0x4e
.endif
    FINISH_BY zmm0, \v0, \v1, \v2, \v3
.endif
.if \r == 1
    LOOKS   1, 0
.endif
.endm

.macro FINISH_BY signs, v0, v1, v2, v3
    vpshufb zmm1, \signs, zmm16
    vpshufb zmm2, \signs, zmm27
    vpternlogd \v0, zmm1, zmm26, 0xec               // bits of weights, others of signs
    vpternlogd \v1, zmm1, zmm26, 0xec
    vpternlogd \v2, zmm2, zmm26, 0xec
    vpternlogd \v3, zmm2, zmm26, 0xec
.endm

.macro NINES d                      // zmm3 = 9 sum X
    vmovdqu64 zmm0, zmmword ptr [rdx + 256*\d]
    vpslld  zmm3, zmm0, 3
    vpaddd  zmm3, zmm3, zmm0
.endm

.macro PRODUCTS d
    GK_QDOT_DOTS \d, -1, NINES
    LOOKS   1, 3
    GK_QDOT_16_SCALES \d, -1
    GK_QDOT_16_ADD
.endm

.macro HEAD d
    GK_QDOT_IQ1_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_IQ1 \d, 0, 56
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq1_m_4, 56, LANES, GK_QDOT_IQ1_INPUTS

#endif
