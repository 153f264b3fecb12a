// gk_qdot_avx2_iq2_xxs.h -- rows of IQ2_XXS by a few rows of x, with AVX-VNNI or without.
//
//   A block is 66 bytes: f16 d; for each group four indices, for 8 weights each, and a word of four signs of 7 bits and
//   s, the upper 4. w = +-d (2 s + 1) / 8 grid, 8 .. 43. The sign of the last of 8 weights makes the number of minus
//   signs even.

#define Z 43
#define DEPTH 1
#include "gk_qdot_avx2_grid.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_GRID 0.125
    CONSTANTS_28
.endm

.macro SETUP
    SETUP_SIGNS
.endm

.macro SCALES
    vmovups ymm0, ymmword ptr [rax + 2]
    vshufps ymm0, ymm0, ymmword ptr [rax + 34], 0xdd
    vpermq  ymm0, ymm0, 0xd8
    SCALES_28
.endm

.macro INDEX8 i
    GRID8   byte, rax + 2 + \i, 8
    SIGNED_PAIR \i
.endm

#endif
