// gk_qdot_avx2_q8_0.h -- rows of Q8_0 by one row of x, with AVX-VNNI or without.
//
//   256 weights are eight blocks of 34 bytes, a group each: f16 d; int8 q[32]. w = d q.
//
//   ymm15  the signs of bytes

#define SIGNED_CODES
#define BYTES_OF_32 34
#include "gk_qdot_avx2_halves.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0x80808080              // 96
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 96]
.endm

.macro STEP d, g, r, at, acc
    vmovdqu ymm1, ymmword ptr [\at + 34*\g + 2]
    GK_QDOT_DOT_S \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
