// gk_qdot_avx2_iq1_s.h -- rows of IQ1_S by a few rows of x, with AVX-VNNI or without.
//
//   A block is 50 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; for each group a word: three upper bits
//   of four indices, s of 3 bits, a sign. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8: codes are grid + 10 or 8,
//   less 9.
//
//   ymm14  bytes 10 or 8, four for a group

#define Z 9
#define DEPTH 4
#define INDICES 704
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .byte   0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3                              // 256  words of four indices
    .byte   4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7
    .rept   4
    .short  512, 64, 8, 1                                                               // 288  upper bits to bit 9
    .endr
    .fill   16, 2, 0x700                                                                // 320
    .fill   8, 4, 7                                                                     // 352
    .fill   32, 1, 2                                                                    // 384
    .fill   32, 1, 10                                                                   // 416
.endm

.macro SETUP
.endm

.macro INDEX j                      // 16 of them
    vpbroadcastq ymm1, qword ptr [rdx + 34 + 8*\j]
    vpmovzxbw ymm0, xmmword ptr [rdx + 2 + 16*\j]
    vpshufb ymm1, ymm1, ymmword ptr [DATA + 256]
    vpmullw ymm1, ymm1, ymmword ptr [DATA + 288]
    vpsrlw  ymm1, ymm1, 1
    vpand   ymm1, ymm1, ymmword ptr [DATA + 320]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r9 + INDICES + 32*\j], ymm0
.endm

.macro AHEAD
    INDEX   0
    INDEX   1
.endm

.macro SCALES
    ODD_D   rax
    vpmovzxwd ymm0, xmmword ptr [rax + 34]
    vpsrld  ymm1, ymm0, 12
    vpand   ymm1, ymm1, ymmword ptr [DATA + 352]
    vcvtdq2ps ymm1, ymm1
    vfmadd213ps ymm1, ymm3, ymm2
    vmovaps ymmword ptr [r11 + 512], ymm1
    vmovdqa ymm1, ymmword ptr [DATA + 416]
    vpslld  ymm0, ymm0, 16
    vpsrad  ymm0, ymm0, 31
    vpand   ymm0, ymm0, ymmword ptr [DATA + 384]
    vpsubb  ymm14, ymm1, ymm0
.endm

.macro INDEX8 i
    GRID8   word, r11 + INDICES + 2*\i, 8
    vpaddb  ymm0, ymm0, ymm14
    vpaddb  ymm1, ymm1, ymm14
.endm

#endif
