// gk_qdot_avx2_iq2_xs.h -- rows of IQ2_XS by one row of x, with AVX-VNNI or without.
//
//   A block is 74 bytes: f16 d; for each 8 weights a word, an index of 9 bits and 7 signs; sixteen s of 4 bits.
//   w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus signs even.

#define SIGNED_CODES
#define SCALES_OF_16
#define SIGNS   64
#define INDICES 96
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .fill   16, 2, 511                                                                  // 320
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro ROW_HEAD r, at
    ODD_D   \at
    ODD_NIBBLES \at + 66, ymm4, r10 + 160*\r
    ODD_NIBBLES \at + 70, ymm5, r10 + 160*\r + 32
    vmovdqu ymm0, ymmword ptr [\at + 2]
    vmovdqu ymm1, ymmword ptr [\at + 34]
    vpand   ymm2, ymm0, ymmword ptr [DATA + 320]
    vpand   ymm3, ymm1, ymmword ptr [DATA + 320]
    vmovdqa ymmword ptr [r10 + 160*\r + INDICES], ymm2
    vmovdqa ymmword ptr [r10 + 160*\r + INDICES + 32], ymm3
    vpsrlw  ymm0, ymm0, 9
    vpsrlw  ymm1, ymm1, 9
    vpackuswb ymm0, ymm0, ymm1
    vpermq  ymm0, ymm0, 0xd8
    EVEN_SIGNS
    vmovdqa ymmword ptr [r10 + 160*\r + SIGNS], ymm0
.endm

.macro STEP d, g, r, at, acc
    GRID8   word, r9 + 160*\r + INDICES + 8*\g, 2
    SIGNED  \d, r9 + 160*\r + SIGNS + 4*\g
    GK_QDOT_DOT_S \d, known
    ADD_16  \acc, 160*\r+8*\g
.endm

#endif
