// gk_qdot_avx2_iq2_s.h -- rows of IQ2_S by one row of x, with AVX-VNNI or without.
//
//   A block is 82 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; 256 signs; bits 8 and 9 of indices;
//   sixteen s of 4 bits. w = +-d (2 s + 1) / 8 grid, 8 .. 43.

#define SIGNED_CODES
#define SCALES_OF_16
#define INDICES 96
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .byte   0, -1, 0, -1, 0, -1, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1                      // 320  upper bits of indices
    .byte   2, -1, 2, -1, 2, -1, 2, -1, 3, -1, 3, -1, 3, -1, 3, -1
    .rept   4
    .short  256, 64, 16, 4                                                              // 352  to bit 8
    .endr
    .fill   16, 2, 0x300                                                                // 384
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro INDEX r, at, j               // 16 of them
    vpbroadcastd ymm1, dword ptr [\at + 66 + 4*\j]
    vpmovzxbw ymm0, xmmword ptr [\at + 2 + 16*\j]
    vpshufb ymm1, ymm1, ymmword ptr [DATA + 320]
    vpmullw ymm1, ymm1, ymmword ptr [DATA + 352]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 384]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r10 + 160*\r + INDICES + 32*\j], ymm0
.endm

.macro ROW_HEAD r, at
    ODD_D   \at
    ODD_NIBBLES \at + 74, ymm4, r10 + 160*\r
    ODD_NIBBLES \at + 78, ymm5, r10 + 160*\r + 32
    INDEX   \r, \at, 0
    INDEX   \r, \at, 1
.endm

.macro STEP d, g, r, at, acc
    GRID8   word, r9 + 160*\r + INDICES + 8*\g, 2
    SIGNED  \d, \at + 34 + 4*\g
    GK_QDOT_DOT_S \d, known
    ADD_16  \acc, 160*\r+8*\g
.endm

#endif
