// gk_qdot_avx2_q5_0.h -- rows of Q5_0 by one row of x, with AVX-VNNI or without.
//
//   A block of 32 is 22 bytes: f16 d; 4 of fifth bits; 16 of nibbles. w = d (q - 16).
//
//   ymm14  (z, 512 z) = (16, 8192)

#define LESS_Z ymm14
#define FIFTHS 96
#define BYTES_OF_32 22
#include "gk_qdot_avx2_halves.h"
#include "gk_qdot_avx2_fifths.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_FIFTHS
    .long   0x20000010              // 208
.endm

.macro SETUP
    SETUP_FIFTHS
    vpbroadcastd ymm14, dword ptr [DATA + 208]
.endm

.macro STEP d, g, r, at, acc
    CODES   \at + 22*\g + 2
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
