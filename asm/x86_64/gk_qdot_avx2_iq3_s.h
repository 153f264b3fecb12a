// gk_qdot_avx2_iq3_s.h -- rows of IQ3_S by a few rows of x, with AVX-VNNI or without.
//
//   A block is 110 bytes: f16 d; 64 lower bytes of indices, for 4 weights each; their ninth bits; 256 signs; eight s of
//   4 bits. w = +-d (2 s + 1) grid, 1 .. 15.

#define Z 15
#define DEPTH 4
#define INDICES 704
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 1
    .short  1, 2, 4, 8, 16, 32, 64, 128                                                 // 256
    .short  256, 512, 1024, 2048, 4096, 8192, 16384, 32768
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro INDEX j                      // 16 of them
    vpmovzxbw ymm0, xmmword ptr [rdx + 2 + 16*\j]
    vpbroadcastw ymm1, word ptr [rdx + 66 + 2*\j]
    vpand   ymm1, ymm1, ymm3
    vpcmpeqw ymm1, ymm1, ymm3
    vpsllw  ymm1, ymm1, 8                               // -256
    vpsubw  ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r9 + INDICES + 32*\j], ymm0
.endm

.macro AHEAD
    vmovdqa ymm3, ymmword ptr [DATA + 256]
    INDEX   0
    INDEX   1
    INDEX   2
    INDEX   3
.endm

.macro SCALES
    vmovdqu ymm14, ymmword ptr [rax + 74]
    ODD_D   rax
    vpbroadcastd ymm0, dword ptr [rax + 106]
    ODD_NIBBLES 32, 512
.endm

.macro INDEX8 i
    GRID4   0, 2, word, r11 + INDICES + 4*\i, 16
    GRID4   1, 3, word, r11 + INDICES + 4*\i + 2, 16
    SIGNED_PAIR \i
.endm

#endif
