// gk_qdot_avx2_6bit.h -- what rows of Q4_K and Q5_K by one row of x have in common: scales of 6 bits.
//
//   A block begins with f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes: a, b, c of four. w = d sc q - dmin mn
//   = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. top: rest and s (q - z) are 0 wherever w is.
//
//   scales of a block, for each row: 0  float s[8] times those of x   32  (z, 512 z)[8]   64  float rest[8]

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_6BIT top
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15                    //  96  a c b c
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11                    // 128  . a . b
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11
    .long   0, 0, 0, 4, 0, 0, 0, 4                                                      // 160  shifts of a c b c
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f                              // 192  and their masks
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f
    .long   0, 0x30303030, 0, 0x30303030, 0, 0x30303030, 0, 0x30303030                  // 224  those of . a . b
    .float  \top, \top, \top, \top, \top, \top, \top, \top                                      // 256
    .long   0, 0, 1, 1, 2, 2, 3, 3                                                      // 288  each twice
    .long   4, 4, 5, 5, 6, 6, 7, 7                                                      // 320
.endm

.macro SCALE r, at                  // of the block at \at: its sc and mn as bytes are in the room of HEAD
    vpbroadcastd xmm0, dword ptr [\at]
    vcvtph2ps ymm0, xmm0                                // d dmin d dmin ..
    vpmovzxbd ymm1, qword ptr [rdi + 224 + 16*\r]
    vpmovzxbd ymm2, qword ptr [rdi + 224 + 16*\r + 8]
    vcvtdq2ps ymm1, ymm1
    vcvtdq2ps ymm2, ymm2
    vmovsldup ymm3, ymm0
    vmovshdup ymm0, ymm0
    vmulps  ymm1, ymm1, ymm3                            // s = d sc
    vmulps  ymm2, ymm2, ymm0                            // m = dmin mn
    vdivps  ymm3, ymm2, ymm1
    vmaxps  ymm3, ymm3, ymm5                            // NaN is 0
    vminps  ymm3, ymm3, ymmword ptr [DATA + 256]
    vcvtps2dq ymm0, ymm3                                // z
    vcvtdq2ps ymm3, ymm0
    vfmsub213ps ymm3, ymm1, ymm2                        // rest = z s - m
    vpslld  ymm2, ymm0, 25
    vpor    ymm0, ymm0, ymm2
    vmulps  ymm1, ymm1, ymm4
    vmovaps ymmword ptr [r10 + 96*\r], ymm1
    vmovdqa ymmword ptr [r10 + 96*\r + 32], ymm0
    vmovaps ymmword ptr [r10 + 96*\r + 64], ymm3
.endm

.macro HEAD d                       // sc and mn of both rows to bytes, then SCALE
    vmovdqu xmm0, xmmword ptr [N0]                      // d dmin a b c
    vinserti128 ymm0, ymm0, xmmword ptr [N1], 1
    vpshufb ymm1, ymm0, ymmword ptr [DATA + 128]
    vpshufb ymm0, ymm0, ymmword ptr [DATA + 96]
    vpsrld  ymm1, ymm1, 2                               // high bits: a >> 2, b >> 2
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 160]        // low bits: a, c, b, c >> 4
    vpand   ymm1, ymm1, ymmword ptr [DATA + 224]
    vpand   ymm0, ymm0, ymmword ptr [DATA + 192]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [rdi + 224], ymm0
    GK_QDOT_X_SCALES \d
    vpxor   xmm5, xmm5, xmm5
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro STEP d, g, r, acc            // codes in ymm1
    vpbroadcastd ymm2, dword ptr [r9 + 96*\r + 32 + 4*(\g)]
    GK_QDOT_DOT_Z \d
    GK_QDOT_ADD \acc, 96*\r+4*(\g)
.endm

.macro REST d, j                    // of four groups of both rows
    vmovdqa ymm2, ymmword ptr [DATA + 288 + 32*\j]
    vpermps ymm0, ymm2, ymmword ptr [r9 + 64]
    vpermps ymm1, ymm2, ymmword ptr [r9 + 96 + 64]
    vmovups ymm2, ymmword ptr [rdx + 256*\d + X_SCALE + 64 + 32*\j]
    vfmadd231ps ymm8, ymm0, ymm2
    vfmadd231ps ymm9, ymm1, ymm2
.endm

#endif
