// gk_qdot_neon_halves.h -- what rows of blocks of 32 that open with an f16 scale have in common, by one row of x.
//
//   The format has BYTES_OF_32.

#define LINES (8*BYTES_OF_32 + 63)/64
#include "gk_qdot_neon_eight.h"
#ifdef __aarch64__

.macro HALVES w                     // v8, v9 = scales of eight blocks
    FOUR    8, \w, BYTES_OF_32, 0
    FOUR    9, \w, BYTES_OF_32, 4
    fcvtl   v8.4s, v8.4h
    fcvtl   v9.4s, v9.4h
.endm

#endif
