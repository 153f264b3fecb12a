// gk_qdot_avx2_iq3_xxs.h -- rows of IQ3_XXS by a few rows of x, with AVX-VNNI or without.
//
//   A block is 98 bytes: f16 d; 64 indices, for 4 weights each; eight words of four signs of 7 bits and s, the upper 4.
//   w = +-d (2 s + 1) / 4 grid, 4 .. 62. The sign of the last of 8 weights makes the number of minus signs even.

#define Z 62
#define DEPTH 1
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.25
    CONSTANTS_28
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro SCALES
    vmovdqu ymm0, ymmword ptr [rax + 66]
    SCALES_28
.endm

.macro INDEX8 i
    GRID4   0, 2, byte, rax + 2 + 2*\i, 8
    GRID4   1, 3, byte, rax + 3 + 2*\i, 8
    SIGNED_PAIR \i
.endm

#endif
