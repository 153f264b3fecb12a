// gk_qdot_avx2_iq1_m.h -- rows of IQ1_M by a few rows of x, with AVX-VNNI or without.
//
//   A block is 56 bytes: 32 lower bytes of indices, for 8 weights each; for each a nibble, three upper bits and a sign;
//   four words, each of four s of 3 bits and 4 bits of the f16 d. w = d (2 s + 1) / 8 (grid +- 1), grid -8, 0 or 8:
//   codes are grid + 10 or 8, less 9.
//
//   ymm14  bytes 10 or 8, one for an index

#define Z 9
#define DEPTH 4
#define SCALES_OF_16
#define INDICES 704
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .byte   0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1                      // 256  nibbles of indices
    .byte   4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1
    .rept   8
    .short  256, 16                                                                     // 288  to bit 8
    .endr
    .fill   16, 2, 0x700                                                                // 320
    .fill   16, 2, 2                                                                    // 352
    .fill   32, 1, 10                                                                   // 384
    .long   0, 6, 0, 6, 0, 6, 0, 6                                                      // 416  where s are
    .long   3, 9, 3, 9, 3, 9, 3, 9                                                      // 448
    .fill   8, 4, 7                                                                     // 480
    .short  1, 16, 256, 4096, 0, 0, 0, 0                                                // 512  places of nibbles of d
.endm

.macro SETUP
.endm

.macro INDEX j, shift               // 16 of them; \shift = 2 where the sign is set
    vpbroadcastq \shift, qword ptr [rdx + 32 + 8*\j]
    vpmovzxbw ymm0, xmmword ptr [rdx + 16*\j]
    vpshufb \shift, \shift, ymmword ptr [DATA + 256]
    vpmullw \shift, \shift, ymmword ptr [DATA + 288]
    vpand   ymm1, \shift, ymmword ptr [DATA + 320]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r9 + INDICES + 32*\j], ymm0
    vpsrlw  \shift, \shift, 10
    vpand   \shift, \shift, ymmword ptr [DATA + 352]
.endm

.macro EIGHT shifts, to             // scales of s in words of ymm0
    vpsrlvd ymm1, ymm0, ymmword ptr [DATA + \shifts]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 480]
    vcvtdq2ps ymm1, ymm1
    vfmadd213ps ymm1, ymm3, ymm2
    vmovaps ymmword ptr [r11 + \to], ymm1
.endm

.macro AHEAD
    INDEX   0, ymm2
    INDEX   1, ymm3
    vmovdqa ymm1, ymmword ptr [DATA + 384]
    vpackuswb ymm0, ymm2, ymm3
    vpermq  ymm0, ymm0, 0xd8
    vpsubb  ymm1, ymm1, ymm0
    vmovdqa ymmword ptr [r9 + INDICES + 64], ymm1
.endm

.macro SCALES
    vmovdqa ymm14, ymmword ptr [r11 + INDICES + 64]
    vmovq   xmm4, qword ptr [rax + 48]
    vpsrlw  xmm0, xmm4, 12
    vpmaddwd xmm0, xmm0, xmmword ptr [DATA + 512]
    vpsrlq  xmm1, xmm0, 32
    vpaddd  xmm0, xmm0, xmm1
    vpbroadcastw xmm0, xmm0
    vcvtph2ps ymm2, xmm0
    vbroadcastss ymm3, dword ptr [DATA + 160]
    vmulps  ymm2, ymm2, ymm3
    vaddps  ymm3, ymm2, ymm2
    vpunpcklwd xmm0, xmm4, xmm4
    vpmovzxwd ymm0, xmm0
    EIGHT   416, 512
    EIGHT   448, 544
.endm

.macro INDEX8 i
    GRID8   word, r11 + INDICES + 2*\i, 8
    SPREAD  \i, ymm14
    vpaddb  ymm0, ymm0, ymm6
    vpaddb  ymm1, ymm1, ymm6
.endm

#endif
