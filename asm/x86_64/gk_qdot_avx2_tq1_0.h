// gk_qdot_avx2_tq1_0.h -- rows of TQ1_0 by one row of x, with AVX-VNNI or without.
//
//   A block is 54 bytes: 32, 16 and 4 bytes of five digits to base 3; f16 d. w = d (digit - 1).
//
//   A byte is a fraction: its first digit is how many thirds of 256 it reaches, 86 and 171; three times it, mod 256,
//   has the next digit first. Less 128 it is tripled the same way, and compared as a signed byte.
//
//   scales, for each row: 0  float d times those of x, of 8
//
//   ymm10, ymm11  bytes of the two rows, less 128     ymm14, ymm15  the thirds, less 129

#include "gk_qdot_avx2_eight.h"
#ifdef __x86_64__

.macro CONSTANTS
    .fill   32, 1, 128                                                                  //  96
    .fill   16, 2, 255                                                                  // 128
    .fill   8, 2, 1                                                                     // 160  powers for group 5
    .fill   8, 2, 3
    .fill   8, 2, 9                                                                     // 192  for 6
    .fill   8, 2, 27
    .fill   8, 2, 81                                                                    // 224  for 7
    .short  1, 1, 3, 3, 9, 9, 27, 27
    .long   0xd5d5d5d5, 0x2a2a2a2a, 0x02000001                                          // 256
.endm

.macro SETUP
    vpbroadcastd ymm14, dword ptr [DATA + 256]
    vpbroadcastd ymm15, dword ptr [DATA + 260]
.endm

.macro SCALE r, at
    vpbroadcastw xmm0, word ptr [\at + 52]
    vcvtph2ps ymm0, xmm0
    vmulps  ymm0, ymm0, ymm4
    vmovaps ymmword ptr [r10 + 32*\r], ymm0
.endm

.macro BYTES g, at, kept            // those whose first digits are group g
.if \g == 0
    vmovdqu \kept, ymmword ptr [\at]
    vpxor   \kept, \kept, ymmword ptr [DATA + 96]
.elseif \g < 5
    vpaddb  ymm0, \kept, \kept
    vpaddb  \kept, \kept, ymm0
.else
.if \g == 7
    vmovdqu xmm1, xmmword ptr [\at + 32]
    vpbroadcastd xmm0, dword ptr [\at + 48]
    vinserti128 ymm1, ymm1, xmm0, 1
.else
    vbroadcasti128 ymm1, xmmword ptr [\at + 32]
.endif
    vpxor   ymm1, ymm1, ymmword ptr [DATA + 96]
    vmovdqa ymm2, ymmword ptr [DATA + 160 + 32*(\g - 5)]
    vmovdqa ymm0, ymmword ptr [DATA + 128]
    vpandn  \kept, ymm0, ymm1
    vpmullw ymm1, ymm1, ymm2                            // even bytes, then odd ones
    vpmullw \kept, \kept, ymm2
    vpand   ymm1, ymm1, ymm0
    vpor    \kept, \kept, ymm1
.endif
.endm

.macro STEP d, g, r, at, kept, acc
    BYTES   \g, \at, \kept
    vpcmpgtb ymm0, \kept, ymm14
    vpcmpgtb ymm1, \kept, ymm15
    vpaddb  ymm1, ymm1, ymm0
    vpabsb  ymm1, ymm1
    GK_QDOT_DOT \d
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    vpbroadcastd ymm3, dword ptr [DATA + 264]
    GK_QDOT_MINUS_Z \d, \g, ymm3
    STEP    \d, \g, 0, W0, ymm10, ymm8
    STEP    \d, \g, 1, W1, ymm11, ymm9
.endm

#endif
