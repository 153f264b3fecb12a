// gk_qdot_avx512vnni_q2_k_4 -- rows of Q2_K by a few rows of x.                                   AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits, 32 of
//   them for four groups; f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 3:
//   rest and s (q - z) are 0 wherever w is.
//
//   z needs no division of each: 24 + (dmin / d) (mn / sc) has steps of 2^-19 up to 32. Where m / s is halfway between
//   integers it errs by less than half a step, so not at all; elsewhere m / s, with 15 bits above and below, is 2^-17
//   or more from halfway. So z is that of the twin, to even. Tables for four bits of an index have it at 8 .. 11.
//
//   zmm16  bytes by lanes     zmm22, zmm23, zmm25, zmm26  z of the four rows     zmm24  masks of lanes
//   zmm27  floats of four bits
//
//   room: rests of the four rows at 128; floats d | dmin of them at 704; dmin / d at most 64, every other, at 736
//
//   256 of four rows: 178 micro-operations of vectors for three digits, 138 for one. On Ice Lake 102 cycles.
//
// mca: icelake-server 1*102

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q2_k_data
L(data):
.irp j, 0, 1, 2, 3
    .long   ~255 + \j, ~255 + \j + 4, ~255 + \j + 8, ~255 + \j + 12  //   0  bytes by lanes
.endr
    GK_QDOT_2BIT_DATA                                               //  64
    .float  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15    // 448
    .long   0x00000000, 0x3f800000, 0x3f000000, 0x3eaaaaab          // 512  floats 1 / sc; where sc is 0 any z will do
    .long   0x3e800000, 0x3e4ccccd, 0x3e2aaaab, 0x3e124925
    .long   0x3e000000, 0x3de38e39, 0x3dcccccd, 0x3dba2e8c
    .long   0x3daaaaab, 0x3d9d89d9, 0x3d924925, 0x3d888889
    .float  0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0          // 576  z, a float
    .long   0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0          // 640  z
    .long   0, 0, 0, 0, 0, 0, 0, 0                                  // 704  (z, 1024 z)
    .long   0, 1 + (1 << 26), 2 + (2 << 26), 3 + (3 << 26), 0, 0, 0, 0
    .float  24, 27, 64                                              // 768

.macro SETUP
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vmovdqa64 zmm27, zmmword ptr [DATA + 448]
    GK_QDOT_2BIT_SETUP 64
.endm

.macro CODES at
    GK_QDOT_2BIT \at + 16, 64
.endm

.macro ROW_SCALES r, at, zero       // scales, and rests at 128
    vbroadcasti32x4 zmm0, xmmword ptr [\at]
    vpshufb zmm0, zmm0, zmm16
    vpsrld  zmm2, zmm0, 4
    vpermps zmm1, zmm0, zmmword ptr [DATA + 512]
    vpermps zmm2, zmm2, zmm27                                       // floats of four bits
    vpermps zmm0, zmm0, zmm27
    vmulps  zmm1, zmm1, zmm2
    vbroadcastss zmm3, dword ptr [rdi + 736 + 8*\r]
    vfmadd213ps zmm1, zmm3, dword ptr [DATA + 768]{1to16}           // 24 + m / s
    vmulps  zmm2, zmm2, dword ptr [rdi + 704 + 8*\r + 4]{1to16}     // m = dmin mn
    vmulps  zmm0, zmm0, dword ptr [rdi + 704 + 8*\r]{1to16}         // s = d sc
    vminps  zmm1, zmm1, dword ptr [DATA + 772]{1to16}
    vcvtps2dq zmm1, zmm1                                            // 24 + z
    vpermps zmm3, zmm1, zmmword ptr [DATA + 576]
    vfmsub213ps zmm3, zmm0, zmm2                                    // rest = z s - m
    vpermd  \zero, zmm1, zmmword ptr [DATA + 608 + 32*L(d)]
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm3
.endm

.macro HEAD d
    GK_QDOT_HALVES 80
    vpermilps ymm1, ymm0, 0xb1
    vpxor   xmm2, xmm2, xmm2
    vdivps  ymm1, ymm1, ymm0
    vmaxps  ymm1, ymm1, ymm2                                        // NaN is 0
    vminps  ymm1, ymm1, dword ptr [DATA + 776]{1to8}
    vmovups ymmword ptr [rdi + 736], ymm1
.endm

.macro ROW d, r, zero, sum
    vmovaps zmm2, zmmword ptr [r11 + 64*\r]
    GK_QDOT_SCALE \d, 0, 448 + 64*\r
    vpdpwssd \sum, \zero, zmmword ptr [rdx + 256*\d + 192]         // minus z sum X
    vfmadd231ps zmm2, zmm3, zmmword ptr [rdi + 128 + 64*\r]         // rests
    vcvtdq2ps \sum, \sum
    vfmadd231ps zmm2, \sum, zmm1
    vmovaps zmmword ptr [r11 + 64*\r], zmm2
.endm

.macro SUMS d
    vmovdqa64 zmm0, zmmword ptr [DATA + 64]
    GK_QDOT_EACH vpsravd, zmm0
    vmovups zmm3, zmmword ptr [rdx + 256*\d + 128]
    ROW     \d, 0, zmm22, zmm8
    ROW     \d, 1, zmm23, zmm9
    ROW     \d, 2, zmm25, zmm10
    ROW     \d, 3, zmm26, zmm11
    add     rdx, qword ptr [rdi + 88]
    add     r11, 320
    cmp     r11, qword ptr [rdi + 432]
.endm

.macro DIGIT at
    GK_QDOT_DIGIT \at, zmm8, zmm9, zmm10, zmm11
.endm

.macro BLOCK d                      // scales between the digits of the first input: neither need wait for the other
    GK_QDOT_AHEAD 84
    GK_QDOT_CODES
    mov     rax, rdx
    lea     r11, [rdi + 896]
    GK_QDOT_ZERO xmm8, xmm9, xmm10, xmm11
    ROW_SCALES 0, W0, zmm22
    DIGIT   0
    ROW_SCALES 1, W1, zmm23
.if \d == 3
    GK_QDOT_EACH vpslld, 8
    DIGIT   256
.endif
    ROW_SCALES 2, W2, zmm25
.if \d == 3
    GK_QDOT_EACH vpslld, 8
    DIGIT   512
.endif
    ROW_SCALES 3, W3, zmm26
    SUMS    \d
    jb      L(more\d)
L(back\d):
    mov     rdx, rax
.endm

.macro MORE d                       // other inputs
L(more\d):
    GK_QDOT_DOTS \d
    SUMS    \d
    jb      L(more\d)
    jmp     L(back\d)
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q2_k_4, 84, LANES, MORE

#endif
