// gk_qdot_avx2_iq3_s.h -- rows of IQ3_S by one row of x, with AVX-VNNI or without.
//
//   A block is 110 bytes: f16 d; 64 lower bytes of indices, for 4 weights each; their ninth bits; 256 signs; eight s of
//   4 bits. w = +-d (2 s + 1) grid, 1 .. 15.

#define SIGNED_CODES
#define INDICES 32
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 1
    .short  1, 2, 4, 8, 16, 32, 64, 128                                                 // 320
    .short  256, 512, 1024, 2048, 4096, 8192, 16384, 32768
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro INDEX r, at, j               // 16 of them
    vpmovzxbw ymm0, xmmword ptr [\at + 2 + 16*\j]
    vpbroadcastw ymm1, word ptr [\at + 66 + 2*\j]
    vpand   ymm1, ymm1, ymm3
    vpcmpeqw ymm1, ymm1, ymm3
    vpsllw  ymm1, ymm1, 8                               // -256
    vpsubw  ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [r10 + 160*\r + INDICES + 32*\j], ymm0
.endm

.macro ROW_HEAD r, at
    ODD_D   \at
    ODD_NIBBLES \at + 106, ymm4, r10 + 160*\r
    vmovdqa ymm3, ymmword ptr [DATA + 320]
    INDEX   \r, \at, 0
    INDEX   \r, \at, 1
    INDEX   \r, \at, 2
    INDEX   \r, \at, 3
.endm

.macro STEP d, g, r, at, acc
    GRID4   word, r9 + 160*\r + INDICES + 16*\g, 2
    SIGNED  \d, \at + 74 + 4*\g
    GK_QDOT_DOT_S \d, known
    GK_QDOT_ADD \acc, 160*\r+4*\g
.endm

#endif
