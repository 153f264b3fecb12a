// gk_qdot_avx2_iq2_s.h -- rows of IQ2_S by a few rows of x, with AVX-VNNI or without.
//
//   A block is 82 bytes: f16 d; 32 lower bytes of indices, for 8 weights each; 256 signs; bits 8 and 9 of indices;
//   sixteen s of 4 bits. w = +-d (2 s + 1) / 8 grid, 8 .. 43.

#define Z 43
#define DEPTH 1
#define SCALES_OF_16
#define INDICES 704
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .byte   0, -1, 0, -1, 0, -1, 0, -1, 1, -1, 1, -1, 1, -1, 1, -1                      // 256  upper bits of indices
    .byte   2, -1, 2, -1, 2, -1, 2, -1, 3, -1, 3, -1, 3, -1, 3, -1
    .rept   4
    .short  256, 64, 16, 4                                                              // 288  to bit 8
    .endr
    .fill   16, 2, 0x300                                                                // 320
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro INDEX j                      // 16 of them
    vpbroadcastd ymm1, dword ptr [rdx + 66 + 4*\j]
    vpmovzxbw ymm0, xmmword ptr [rdx + 2 + 16*\j]
    vpshufb ymm1, ymm1, ymmword ptr [DATA + 256]
    vpmullw ymm1, ymm1, ymmword ptr [DATA + 288]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 320]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r9 + INDICES + 32*\j], ymm0
.endm

.macro AHEAD
    INDEX   0
    INDEX   1
.endm

.macro SCALES
    vmovdqu ymm14, ymmword ptr [rax + 34]
    ODD_16  rax + 74
.endm

.macro INDEX8 i
    GRID8   word, r11 + INDICES + 2*\i, 8
    SIGNED_PAIR \i
.endm

#endif
