// gk_qdot_avx512vnni_q3_k_4 -- rows of Q3_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 110 bytes: 32 of third bits, bit g for group g; 64 of the lower two bits, 32 of them for four groups; sc[16]
//   of 6 bits in 12 bytes; f16 d. w = d (sc - 32) (q - 4), q in 0 .. 7.
//
//   Of the two groups of a step, f = 1 | 4: codes of the second stay two bits up, its scales are a quarter.
//
//   zmm24  3 f     zmm25  4 f     zmm27  4 f of lanes, as a shift     k1  the upper half of double words
//
//   256 of four rows: 196 micro-operations of vectors for three digits, 152 for one. On Ice Lake 102 cycles.
//
// mca: icelake-server 1*102 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q3_k_data
    GK_QDOT_16_DATA
    .long   0x03030303, 0x0c0c0c0c, 0x04040404, 0x10101010                          //  64
    .byte   15, 15, 15, 15, 48, 48, 48, 48, 32, 32, 32, 32                          //  80
    .balign 64
    .float  1, 1, 1, 1, 1, 1, 1, 1, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25  // 128  1 / f
    .long   2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4                          // 192  4 f, as a shift
.rept 4
    .byte   2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9                          // 256  lower bits of scales
.endr
.rept 4
    .byte   10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13          // 320  and upper ones
.endr
.rept 4
    .long   0, 0, 4, 4                                                              // 384  shifts of the lower
.endr
.rept 4
    .long   4, 2, 0, 30                                                             // 448  rotations of the upper
.endr

.macro HALVES_OF reg, at            // two double words of constants, each for half of a register
    vpbroadcastd \reg, dword ptr [DATA + \at]
    vpbroadcastd \reg {k1}, dword ptr [DATA + \at + 4]
.endm

.macro SETUP
    GK_QDOT_16_SETUP
    mov     eax, 0xff00
    kmovd   k1, eax
    HALVES_OF zmm24, 64
    HALVES_OF zmm25, 72
    vmovdqa64 zmm27, zmmword ptr [DATA + 192]
.endm

.macro STEP h, at, to
.if \h == 0
    vmovdqu32 ymm0, ymmword ptr [\at]
    vprold  zmm0 {k1}, zmmword ptr [\at - 32], 1
    vprold  zmm0, zmm0, 2                           // bits 0 | 1 to 2 | 4
.else
    vprord  zmm0, zmm0, 2                           // bits 2h | 2h + 1
.endif
.if \h % 2 == 0
    vbroadcasti32x8 zmm1, ymmword ptr [\at + 32 + 32*(\h/2)]
    vpandd  zmm\to, zmm24, zmm1
.else
    vpsrlw  zmm\to, zmm1, 4
    vpandd  zmm\to, zmm\to, zmm24
.endif
    vpternlogd zmm\to, zmm0, zmm25, 0xf8            // f q = low | high & 4 f
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro ROW_SCALES d, r, at
    vpmovsxbd zmm0, xmmword ptr [rdi + 768 + 16*\r]
    vcvtdq2ps zmm0, zmm0
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r + 4]{1to16}
    vmulps  zmm0, zmm0, zmm7
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro HEAD d
    GK_QDOT_HALVES 106
    vmovaps zmm7, zmmword ptr [DATA + 128]
    vmovdqu xmm0, xmmword ptr [N0 + 94]                             // . . sc[12] d of each row
    vinserti128 ymm0, ymm0, xmmword ptr [N1 + 94], 1
    vinserti32x4 zmm0, zmm0, xmmword ptr [N2 + 94], 2
    vinserti32x4 zmm0, zmm0, xmmword ptr [N3 + 94], 3
    vpshufb zmm1, zmm0, zmmword ptr [DATA + 320]
    vpshufb zmm0, zmm0, zmmword ptr [DATA + 256]
    vprolvd zmm1, zmm1, zmmword ptr [DATA + 448]
    vpsrlvd zmm0, zmm0, zmmword ptr [DATA + 384]
    vpandd  zmm0, zmm0, dword ptr [DATA + 80]{1to16}
    vpternlogd zmm0, zmm1, dword ptr [DATA + 84]{1to16}, 0xf8       // low & 15 | high & 48
    vpbroadcastd zmm1, dword ptr [DATA + 88]
    vpsubb  zmm0, zmm0, zmm1                                        // sc - 32
    vpshufb zmm0, zmm0, zmm16
    vmovdqa64 zmmword ptr [rdi + 768], zmm0
    ROW_SCALES \d, 0, N0
    ROW_SCALES \d, 1, N1
    ROW_SCALES \d, 2, N2
    ROW_SCALES \d, 3, N3
.endm

.macro OFFSET d
    vmovdqu64 zmm3, zmmword ptr [rdx + 256*\d]
    vpsllvd zmm3, zmm3, zmm27
.endm

.macro BLOCK d
    GK_QDOT_16 \d, 110
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q3_k_4, 110, LANES

#endif
