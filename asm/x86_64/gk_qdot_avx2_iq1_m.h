// gk_qdot_avx2_iq1_m.h -- rows of IQ1_M by one row of x, with AVX-VNNI or without.
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; for each a nibble, three upper bits and a sign;
//   four words, each of four s of 3 bits and 4 bits of the f16 d. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8:
//   codes are grid + 10 or 8, less 9.
//
//   scales of a block, for each row: SHIFTS  bytes 10 or 8, one for an index
//
//   ymm11  (z, 512 z) = (9, 4608)

#define LESS_Z ymm11
#define SCALES_OF_16
#define SHIFTS  64
#define INDICES 96
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .byte   0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1                      // 320  nibbles of indices
    .byte   4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1
    .rept   8
    .short  256, 16                                                                     // 352  to bit 8
    .endr
    .fill   16, 2, 0x700                                                                // 384
    .fill   16, 2, 2                                                                    // 416
    .fill   32, 1, 10                                                                   // 448
    .byte   0, 1, -1, -1, 0, 1, -1, -1, 0, 1, -1, -1, 0, 1, -1, -1                      // 480  words of s, for eight
    .byte   2, 3, -1, -1, 2, 3, -1, -1, 2, 3, -1, -1, 2, 3, -1, -1
    .long   0, 3, 6, 9, 0, 3, 6, 9                                                      // 512  where s are
    .fill   8, 4, 7                                                                     // 544
    .short  1, 16, 256, 4096, 0, 0, 0, 0                                                // 576  places of nibbles of d
    .long   0x12000009                                                                  // 592
.endm

.macro SETUP
    vmovdqa ymm14, ymmword ptr [DATA + 128]
    vpbroadcastd ymm11, dword ptr [DATA + 592]
.endm

.macro INDEX r, at, j, shift        // 16 of them; \shift = 2 where the sign is set
    vpbroadcastq \shift, qword ptr [\at + 32 + 8*\j]
    vpmovzxbw ymm0, xmmword ptr [\at + 16*\j]
    vpshufb \shift, \shift, ymmword ptr [DATA + 320]
    vpmullw \shift, \shift, ymmword ptr [DATA + 352]
    vpand   ymm1, \shift, ymmword ptr [DATA + 384]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r10 + 160*\r + INDICES + 32*\j], ymm0
    vpsrlw  \shift, \shift, 10
    vpand   \shift, \shift, ymmword ptr [DATA + 416]
.endm

.macro EIGHT r, at, j, x            // scales of two words
    vpbroadcastd ymm1, dword ptr [\at + 48 + 4*\j]
    vpshufb ymm1, ymm1, ymmword ptr [DATA + 480]
    vpsrlvd ymm1, ymm1, ymmword ptr [DATA + 512]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 544]
    vcvtdq2ps ymm1, ymm1
    vfmadd213ps ymm1, ymm3, ymm2
    vmulps  ymm1, ymm1, \x
    vmovaps ymmword ptr [r10 + 160*\r + 32*\j], ymm1
.endm

.macro ROW_HEAD r, at
    INDEX   \r, \at, 0, ymm2
    INDEX   \r, \at, 1, ymm3
    vmovdqa ymm1, ymmword ptr [DATA + 448]
    vpackuswb ymm0, ymm2, ymm3
    vpermq  ymm0, ymm0, 0xd8
    vpsubb  ymm1, ymm1, ymm0
    vmovdqa ymmword ptr [r10 + 160*\r + SHIFTS], ymm1
    vmovq   xmm0, qword ptr [\at + 48]
    vpsrlw  xmm0, xmm0, 12
    vpmaddwd xmm0, xmm0, xmmword ptr [DATA + 576]
    vpsrlq  xmm1, xmm0, 32
    vpaddd  xmm0, xmm0, xmm1
    vpbroadcastw xmm0, xmm0
    vcvtph2ps ymm2, xmm0
    vaddps  ymm3, ymm2, ymm2
    EIGHT   \r, \at, 0, ymm4
    EIGHT   \r, \at, 1, ymm5
.endm

.macro STEP d, g, r, at, acc
    GRID8   word, r9 + 160*\r + INDICES + 8*\g, 2
    vpbroadcastd ymm1, dword ptr [r9 + 160*\r + SHIFTS + 4*\g]
    vpshufb ymm1, ymm1, ymm14
    vpaddb  ymm1, ymm1, ymm0
    GK_QDOT_DOT \d
    ADD_16  \acc, 160*\r+8*\g
.endm

#endif
