// gk_qdot_avx2_q2_k.h -- rows of Q2_K by one row of x, with AVX-VNNI or without.
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes of 2 bits;
//   f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 3: rest and s (q - z) are 0
//   wherever w is.
//
//   scales of a block, for each row: 0  float s[16] times those of x
//                                    128  words f z + 512 f z of groups of 16: 0 .. 3, 8 .. 11, then 4 .. 7, 12 .. 15
//                                    192  float rest[16]; row 1 at 64, 160, 256

#define GK_QDOT_SECOND 576
#include "gk_qdot_avx2_q23_k.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_Q23
    .byte   0, -1, -1, 1, 0, -1, -1, 1, 0, -1, -1, 1, 0, -1, -1, 1                      // 224  z of words 0, 1
    .byte   2, -1, -1, 3, 2, -1, -1, 3, 2, -1, -1, 3, 2, -1, -1, 3
    .byte   4, -1, -1, 5, 4, -1, -1, 5, 4, -1, -1, 5, 4, -1, -1, 5                      // 256  of 2, 3
    .byte   6, -1, -1, 7, 6, -1, -1, 7, 6, -1, -1, 7, 6, -1, -1, 7
    .byte   8, -1, -1, 9, 8, -1, -1, 9, 8, -1, -1, 9, 8, -1, -1, 9                      // 288  of 4, 5
    .byte   10, -1, -1, 11, 10, -1, -1, 11, 10, -1, -1, 11, 10, -1, -1, 11
    .byte   12, -1, -1, 13, 12, -1, -1, 13, 12, -1, -1, 13, 12, -1, -1, 13              // 320  of 6, 7
    .byte   14, -1, -1, 15, 14, -1, -1, 15, 14, -1, -1, 15, 14, -1, -1, 15
    .long   15, 15, 15, 15, 15, 15, 15, 15                                              // 352
    .float  3, 3, 3, 3, 3, 3, 3, 3                                                      // 384
    .long   0, 0, 2, 2, 0, 0, 2, 2                                                      // 416  shifts by f
.endm

.macro SETUP
.endm

.macro EIGHT r, h, at, d, dmin, to  // of eight groups of 16: s, rest, and words of z to \to
    vpmovzxbd ymm1, qword ptr [\at + 8*\h]
    vpsrld  ymm2, ymm1, 4
    vpand   ymm1, ymm1, ymmword ptr [DATA + 352]
    vcvtdq2ps ymm2, ymm2
    vcvtdq2ps ymm1, ymm1
    vmulps  ymm2, ymm2, \dmin                           // m = dmin mn
    vmulps  ymm1, ymm1, \d                              // s = d sc
    vdivps  ymm3, ymm2, ymm1
    vpxor   xmm0, xmm0, xmm0
    vmaxps  ymm3, ymm3, ymm0                            // NaN is 0
    vminps  ymm3, ymm3, ymmword ptr [DATA + 384]
    vcvtps2dq ymm0, ymm3                                // z
    vcvtdq2ps ymm3, ymm0
    vfmsub213ps ymm3, ymm1, ymm2                        // rest = z s - m
    vpsllvd ymm0, ymm0, ymmword ptr [DATA + 416]
.if \h
    vmulps  ymm1, ymm1, ymm5
.else
    vmulps  ymm1, ymm1, ymm4
.endif
    vpslld  ymm2, ymm0, 9
    vmovaps ymmword ptr [r10 + 192 + 64*\r + 32*\h], ymm3
    vmovaps ymmword ptr [r10 + 64*\r + 32*\h], ymm1
    vpor    \to, ymm0, ymm2
.endm

.macro SCALE r, at
    vpbroadcastd xmm0, dword ptr [\at + 80]
    vcvtph2ps ymm0, xmm0                                // d dmin d dmin ..
    vmovsldup ymm10, ymm0
    vmovshdup ymm11, ymm0
    EIGHT   \r, 0, \at, ymm10, ymm11, ymm14
    EIGHT   \r, 1, \at, ymm10, ymm11, ymm15
    vpackusdw ymm14, ymm14, ymm15
    vmovdqa ymmword ptr [r10 + 128 + 32*\r], ymm14
.endm

.macro HEAD d
    X_SCALES_F \d
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro STEP d, g, r, at, kept, acc
    LOWER   \at + 16, \g, \kept
    vbroadcasti128 ymm2, xmmword ptr [r9 + 128 + 32*\r + 16*((\g / 2) % 2)]
    vpshufb ymm2, ymm2, ymmword ptr [DATA + 224 + 32*(\g % 2 + \g / 4 * 2)]
    GK_QDOT_DOT_Z \d
    ADD_16  \acc, 64*\r+8*\g
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS \d, \g
.if \g % 4 == 0                     // and what is left of offsets of 128
    vmovups ymm0, ymmword ptr [rdx + 256*\d + X_SCALE + 64 + 8*\g]
    vfmadd231ps ymm8, ymm0, ymmword ptr [r9 + 192 + 8*\g]
    vfmadd231ps ymm9, ymm0, ymmword ptr [r9 + 256 + 8*\g]
.endif
    STEP    \d, \g, 0, W0, ymm14, ymm8
    STEP    \d, \g, 1, W1, ymm15, ymm9
.endm

.macro BLOCK d
    HEAD    \d
    GK_QDOT_GROUPS \d
.endm

#endif
