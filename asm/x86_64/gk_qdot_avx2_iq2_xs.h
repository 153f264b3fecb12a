// gk_qdot_avx2_iq2_xs.h -- rows of IQ2_XS by a few rows of x, with AVX-VNNI or without.
//
//   A block is 74 bytes: f16 d; for each 8 weights a word, an index of 9 bits and 7 signs; sixteen s of 4 bits.
//   w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus signs even.

#define Z 43
#define DEPTH 1
#define SCALES_OF_16
#define INDICES 704
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    .fill   16, 2, 511                                                                  // 256
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro AHEAD
    vmovdqa ymm1, ymmword ptr [DATA + 256]
    vpand   ymm0, ymm1, ymmword ptr [rdx + 2]
    vpand   ymm1, ymm1, ymmword ptr [rdx + 34]
    vmovdqa ymmword ptr [r9 + INDICES], ymm0
    vmovdqa ymmword ptr [r9 + INDICES + 32], ymm1
.endm

.macro SCALES
    ODD_16  rax + 66
    vmovdqu ymm0, ymmword ptr [rax + 2]
    vmovdqu ymm1, ymmword ptr [rax + 34]
    vpsrlw  ymm0, ymm0, 9
    vpsrlw  ymm1, ymm1, 9
    vpackuswb ymm0, ymm0, ymm1
    vpermq  ymm0, ymm0, 0xd8
    EVEN_SIGNS
    vmovdqa ymm14, ymm0
.endm

.macro INDEX8 i
    GRID8   word, r11 + INDICES + 2*\i, 8
    SIGNED_PAIR \i
.endm

#endif
