// gk_qdot_avx2_iq4.h -- what rows of IQ4_NL and IQ4_XS by a few rows of x have in common: 16 levels.
//
//   Nibbles of 32 are in 16 bytes, low ones first. A level is -127 .. 113.

#define SIGNED_CODES
#define DEPTH 1
#define LEVELS
#include "gk_qdot_avx2.h"
#include "gk_qdot_avx2_nibbles.h"
#ifdef __x86_64__

.macro CONSTANTS_IQ4
#ifdef GK_QDOT_VNNI
    .byte   1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241     //   0  plus 128
#else
    .byte   -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113    //   0
#endif
    .fill   16, 1, 15                                                                   //  16
.endm

.macro SETUP
    vbroadcasti128 ymm14, xmmword ptr [DATA]
    vbroadcasti128 ymm15, xmmword ptr [DATA + 16]
.endm

#endif
