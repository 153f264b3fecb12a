// gk_qdot_avx2_tq2_0.h -- rows of TQ2_0 by one row of x, with AVX-VNNI or without.
//
//   A block is 66 bytes: two rows of 32 bytes, each the 2 bits of four groups, from the lowest; f16 d. w = d (q - 1).
//
//   scales, for each row: 0  float d times those of x, of 8
//
//   ymm10, ymm11  codes of the two rows     ymm14  (z, 512 z) = (1, 512)     ymm15  threes

#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro CONSTANTS
    .long   0x03030303, 0x02000001                                                      //  96
.endm

.macro SETUP
    vpbroadcastd ymm15, dword ptr [DATA + 96]
    vpbroadcastd ymm14, dword ptr [DATA + 100]
.endm

.macro SCALE r, at
    vpbroadcastw xmm0, word ptr [\at + 64]
    vcvtph2ps ymm0, xmm0
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro STEP d, g, r, kept, acc
.if \g % 4
    vpsrlw  ymm1, \kept, \g % 4 * 2
    vpand   ymm1, ymm1, ymm15
.else
    vpand   ymm1, \kept, ymm15
.endif
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

.macro STEPS d, g                   // group g of both rows
.if \g % 4 == 0
    vmovdqu ymm10, ymmword ptr [W0 + 8*\g]
    vmovdqu ymm11, ymmword ptr [W1 + 8*\g]
.endif
    GK_QDOT_X \d, \g
    GK_QDOT_MINUS_Z \d, \g, ymm14
    STEP    \d, \g, 0, ymm10, ymm8
    STEP    \d, \g, 1, ymm11, ymm9
.endm

#endif
