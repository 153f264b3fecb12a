// gk_qdot_avx2_iq1_s.h -- rows of IQ1_S by one row of x, with AVX-VNNI or without.
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; for each group a word: three upper bits
//   of four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8: codes are grid + 10 or 8,
//   less 9.
//
//   scales of a block, for each row: SHIFTS  bytes 10 or 8, four for a group
//
//   ymm14  (z, 512 z) = (9, 4608)

#define LESS_Z ymm14
#define SHIFTS  32
#define INDICES 96
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .byte   0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3                              // 320  words of four indices
    .byte   4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7
    .rept   4
    .short  512, 64, 8, 1                                                               // 352  upper bits to bit 9
    .endr
    .fill   16, 2, 0x700                                                                // 384
    .fill   8, 4, 14                                                                    // 416
    .fill   8, 4, 1                                                                     // 448
    .fill   32, 1, 2                                                                    // 480
    .fill   32, 1, 10                                                                   // 512
    .long   0x12000009                                                                  // 544
.endm

.macro SETUP
    vpbroadcastd ymm14, dword ptr [DATA + 544]
.endm

.macro INDEX r, at, j               // 16 of them
    vpbroadcastq ymm1, qword ptr [\at + 34 + 8*\j]
    vpmovzxbw ymm0, xmmword ptr [\at + 2 + 16*\j]
    vpshufb ymm1, ymm1, ymmword ptr [DATA + 320]
    vpmullw ymm1, ymm1, ymmword ptr [DATA + 352]
    vpsrlw  ymm1, ymm1, 1
    vpand   ymm1, ymm1, ymmword ptr [DATA + 384]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r10 + 160*\r + INDICES + 32*\j], ymm0
.endm

.macro ROW_HEAD r, at
    INDEX   \r, \at, 0
    INDEX   \r, \at, 1
    vpmovzxwd ymm0, xmmword ptr [\at + 34]
    vpbroadcastw xmm2, word ptr [\at]
    vpsrld  ymm1, ymm0, 11
    vcvtph2ps ymm2, xmm2
    vpand   ymm1, ymm1, ymmword ptr [DATA + 416]
    vpor    ymm1, ymm1, ymmword ptr [DATA + 448]        // 2 s + 1
    vcvtdq2ps ymm1, ymm1
    vmulps  ymm1, ymm1, ymm2
    vmulps  ymm1, ymm1, ymm4
    vmovaps ymmword ptr [r10 + 160*\r], ymm1
    vmovdqa ymm1, ymmword ptr [DATA + 512]
    vpslld  ymm0, ymm0, 16
    vpsrad  ymm0, ymm0, 31
    vpand   ymm0, ymm0, ymmword ptr [DATA + 480]
    vpsubb  ymm1, ymm1, ymm0
    vmovdqa ymmword ptr [r10 + 160*\r + SHIFTS], ymm1
.endm

.macro STEP d, g, r, at, acc
    GRID8   word, r9 + 160*\r + INDICES + 8*\g, 2
    vpbroadcastd ymm1, dword ptr [r9 + 160*\r + SHIFTS + 4*\g]
    vpaddb  ymm1, ymm1, ymm0
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 160*\r+4*\g
.endm

#endif
