// gk_qdot_avx2_q4_1.h -- rows of Q4_1 by one row of x, with AVX-VNNI or without.
//
//   A block of 32 is 20 bytes: f16 d, m; 16 bytes of nibbles, low ones first.
//
//   ymm10  shifts 0 | 4     ymm15  fifteens

#define BYTES_OF_32 20
#include "gk_qdot_avx2_q45_1.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_1 15.0
    .long   0, 0, 0, 0, 4, 4, 4, 4                                                      // 192
    .long   0x0f0f0f0f                                                                  // 224
.endm

.macro SETUP
    vmovdqa ymm10, ymmword ptr [DATA + 192]
    vpbroadcastd ymm15, dword ptr [DATA + 224]
.endm

.macro CODES at                     // ymm1 = 32 codes
    vbroadcasti128 ymm1, xmmword ptr [\at]
    vpsrlvd ymm1, ymm1, ymm10
    vpand   ymm1, ymm1, ymm15
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS \d, \g
    CODES   W0 + 20*\g + 4
    STEP    \d, \g, 0, ymm8
    CODES   W1 + 20*\g + 4
    STEP    \d, \g, 1, ymm9
.endm

#endif
