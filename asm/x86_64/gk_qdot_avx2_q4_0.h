// gk_qdot_avx2_q4_0.h -- rows of Q4_0 by one row of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 18 bytes, a group each: f16 d; 16 bytes of nibbles, low ones first. w = d (q - 8).
//
//   ymm10  shifts 0 | 4     ymm14  (z, 512 z) = (8, 4096)     ymm15  fifteens

#define LESS_Z ymm14
#define BYTES_OF_32 18
#include "gk_qdot_avx2_halves.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0, 0, 0, 0, 4, 4, 4, 4  //  96
    .long   0x0f0f0f0f, 0x10000008  // 128
.endm

.macro SETUP
    vmovdqa ymm10, ymmword ptr [DATA + 96]
    vpbroadcastd ymm15, dword ptr [DATA + 128]
    vpbroadcastd ymm14, dword ptr [DATA + 132]
.endm

.macro STEP d, g, r, at, acc
    vbroadcasti128 ymm1, xmmword ptr [\at + 18*\g + 2]
    vpsrlvd ymm1, ymm1, ymm10
    vpand   ymm1, ymm1, ymm15
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
