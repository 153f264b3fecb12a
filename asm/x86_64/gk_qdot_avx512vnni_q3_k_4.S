// gk_qdot_avx512vnni_q3_k_4 -- rows of Q3_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 110 bytes: 32 of third bits, bit g for group g; 64 of the lower two bits, 32 of them for four groups; sc[16]
//   of 6 bits in 12 bytes; f16 d. w = d (sc - 32) (q - 4), q in 0 .. 7.
//
//   Third bits join the others in halves of bytes, of which every other lane takes the low and the high ones as they are:
//   f = 1 | 16, and scales of x are 1 / f of theirs.
//
//   zmm16, zmm27  4 in the low halves of bytes, in the high ones     zmm24  masks of lanes
//   zmm22, zmm23, zmm25, zmm26  quads 0 .. 3 of lanes                k1  the upper half of double words
//
//   256 of four rows: 180 micro-operations of vectors for three digits, 136 for one. On Ice Lake 99 cycles.
//
// mca: icelake-server 1*99 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q3_k_data
    GK_QDOT_16_DATA
    .long   0x04040404, 0x40404040, 0x33333333, 0                                   //  64
    .byte   15, 15, 15, 15, 48, 48, 48, 48                                          //  80
    .balign 16
    .long   3, 7, 11, 15                                                            //  96  d of each row
    .balign 64
.rept 8
    .float  1, 0.0625                                                               // 128  1 / f
.endr
.rept 8
    .long   2, 6                                                                    // 192  4 f, as a shift
.endr
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
.irp q, 0, 1, 2, 3                                                                  // 512  quads of lanes
    .long   \q, \q, \q + 8, \q + 8, \q + 4, \q + 4, \q + 12, \q + 12
    .long   \q + 16, \q + 16, \q + 24, \q + 24, \q + 20, \q + 20, \q + 28, \q + 28
.endr
.rept 8
    .long   0x0f0f0f0f, 0xf0f0f0f0                                                  // 768  masks of lanes
.endr
    .fill   64, 1, 32                                                               // 832

.macro SETUP
    mov     eax, 0xff00
    kmovd   k1, eax
    vpbroadcastd zmm16, dword ptr [DATA + 64]
    vpbroadcastd zmm27, dword ptr [DATA + 68]
    vmovdqa64 zmm22, zmmword ptr [DATA + 512]
    vmovdqa64 zmm23, zmmword ptr [DATA + 576]
    vmovdqa64 zmm25, zmmword ptr [DATA + 640]
    vmovdqa64 zmm26, zmmword ptr [DATA + 704]
    vmovdqa64 zmm24, zmmword ptr [DATA + 768]
.endm

.macro QUAD to, lanes               // q of halves of bytes, then 16 q
    vmovdqa64 \to, \lanes
    vpermi2d \to, zmm4, zmm0
    vpandd  \to, \to, zmm24
.endm

.macro CODES at
    vmovdqu64 zmm0, zmmword ptr [\at + 32]
    vmovdqu ymm1, ymmword ptr [\at]
    vprord  zmm1 {k1}, zmmword ptr [\at - 32], 4
    vpslld  zmm2, zmm1, 2
    vpslld  zmm3, zmm1, 4
    vpandd  zmm4, zmm0, dword ptr [DATA + 72]{1to16}
    vpternlogd zmm4, zmm2, zmm16, 0xf8              // low | high & 4
    vpsrld  zmm0, zmm0, 2
    vpaddd  zmm2, zmm1, zmm1
    vpternlogd zmm4, zmm3, zmm27, 0xf8              // .. & 64: bits 0 | 2 of groups
    vpslld  zmm3, zmm1, 3
    vpandd  zmm0, zmm0, dword ptr [DATA + 72]{1to16}
    vpternlogd zmm0, zmm2, zmm16, 0xf8
    vpternlogd zmm0, zmm3, zmm27, 0xf8              // bits 1 | 3
    QUAD    zmm5, zmm23
    QUAD    zmm6, zmm25
    QUAD    zmm7, zmm26
    vpermt2d zmm4, zmm22, zmm0
    vpandd  zmm4, zmm4, zmm24
.endm

.macro ROW_SCALES r, to
    vpmovsxbd \to, xmmword ptr [rdi + 768 + 16*\r]
    vcvtdq2ps \to, \to
    vmulps  \to, \to, dword ptr [rdi + 704 + 8*\r + 4]{1to16}
    vmovaps zmmword ptr [rdi + 448 + 64*\r], \to
.endm

.macro HEAD d
.endm

.macro HALVES                       // d of each row at 704; zmm9 = . . sc[12] d of each row
    vmovdqu xmm9, xmmword ptr [W0 + 94]
    vinserti128 ymm9, ymm9, xmmword ptr [W1 + 94], 1
    vinserti32x4 zmm9, zmm9, xmmword ptr [W2 + 94], 2
    vinserti32x4 zmm9, zmm9, xmmword ptr [W3 + 94], 3
    vmovdqa xmm8, xmmword ptr [DATA + 96]
    vpermd  zmm8, zmm8, zmm9
    vcvtph2ps ymm8, xmm8
    vmovups ymmword ptr [rdi + 704], ymm8
.endm

.macro BYTES                        // scales as bytes, by lanes, at 768
    vpshufb zmm10, zmm9, zmmword ptr [DATA + 320]
    vpshufb zmm9, zmm9, zmmword ptr [DATA + 256]
    vprolvd zmm10, zmm10, zmmword ptr [DATA + 448]
    vpsrlvd zmm9, zmm9, zmmword ptr [DATA + 384]
    vpandd  zmm9, zmm9, dword ptr [DATA + 80]{1to16}
    vpternlogd zmm9, zmm10, dword ptr [DATA + 84]{1to16}, 0xf8      // low & 15 | high & 48
    vpsubb  zmm9, zmm9, zmmword ptr [DATA + 832]                    // sc - 32
    vpshufb zmm9, zmm9, zmmword ptr [DATA]
    vmovdqa64 zmmword ptr [rdi + 768], zmm9
.endm

.macro OFFSET d
    vmovdqu64 zmm3, zmmword ptr [rdx + 256*\d]
    vpsllvd zmm3, zmm3, zmmword ptr [DATA + 192]
.endm

.macro BLOCK d                      // scales between codes: neither need wait for the other
    GK_QDOT_AHEAD 110
    HALVES
    CODES   W0
    GK_QDOT_KEEP zmm18, zmm19, zmm20, zmm21
    BYTES
    CODES   W1
    GK_QDOT_KEEP zmm12, zmm13, zmm14, zmm15
    ROW_SCALES 0, zmm8
    CODES   W3
    GK_QDOT_KEEP zmm28, zmm29, zmm30, zmm31
    ROW_SCALES 1, zmm9
    ROW_SCALES 2, zmm10
    CODES   W2
    ROW_SCALES 3, zmm11
    GK_QDOT_16_OF_CODES \d, 128
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q3_k_4, 110, LANES

#endif
