// gk_qdot_avx2_iq4_nl.h -- rows of IQ4_NL by a few rows of x, with AVX-VNNI or without.
//
//   A block of 32 is 18 bytes: f16 d; 16 bytes of nibbles. w = d level[q].

#include "gk_qdot_avx2_iq4.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_IQ4
.endm

.macro ROW
    GK_QDOT_HALF_SCALES 18
    NIBBLES_OF rax + 2, 18
.endm

#endif
