// gk_qdot_neon_iq4_nl.h -- rows of IQ4_NL by one row of x.
//
//   A block of 32 is 18 bytes: f16 d; 16 bytes of nibbles. w = d level[q].

#define BYTES_OF_32 18
#include "gk_qdot_neon_halves.h"
#include "gk_qdot_neon_levels.h"
#ifdef __aarch64__

.macro SETUP
    SETUP_IQ4
.endm

.macro SCALES w
    HALVES  \w
.endm

.macro GROUP d, g
    ldur    q24, [x1, #18*\g + 2]
    ldur    q26, [x2, #18*\g + 2]
    LEVELS
    PRODUCTS_OF \d, \g
.endm

#endif
