// gk_qdot_avx2_q4_1.h -- rows of Q4_1 by a few rows of x, with AVX-VNNI or without.
//
//   A block of 32 is 20 bytes: f16 d, m; 16 bytes of nibbles, low ones first.

#define DEPTH 8
#define BYTES_OF_32 20
#include "gk_qdot_avx2_q45_1.h"
#include "gk_qdot_avx2_nibbles.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_1 15.0
.endm

.macro SETUP
    vmovdqa ymm15, ymmword ptr [DATA + 32]
.endm

.macro ROW
    SCALES_1
    NIBBLES_OF rax + 4, 20
.endm

#endif
