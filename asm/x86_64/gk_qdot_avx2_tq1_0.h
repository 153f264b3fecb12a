// gk_qdot_avx2_tq1_0.h -- rows of TQ1_0 by a few rows of x, with AVX-VNNI or without.
//
//   A block is 54 bytes: 32, 16 and 4 bytes of five digits to base 3; f16 d. w = d (digit - 1).
//
//   A byte is a fraction: its first digit is how many thirds of 256 it reaches, 86 and 171; three times it, mod 256,
//   has the next digit first. Less 128 it is tripled the same way, and compared as a signed byte.
//
//   ymm10  bytes of the row, less 128     ymm14, ymm15  the thirds, less 129

#define Z 1
#define DEPTH 8
#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
    .fill   32, 1, 128                                                                  //   0
    .fill   16, 2, 255                                                                  //  32
    .fill   8, 2, 1                                                                     //  64  powers for group 5
    .fill   8, 2, 3
    .fill   8, 2, 9                                                                     //  96  for 6
    .fill   8, 2, 27
    .fill   8, 2, 81                                                                    // 128  for 7
    .short  1, 1, 3, 3, 9, 9, 27, 27
    .long   0xd5d5d5d5, 0x2a2a2a2a                                                      // 160
.endm

.macro SETUP
    vpbroadcastd ymm14, dword ptr [DATA + 160]
    vpbroadcastd ymm15, dword ptr [DATA + 164]
.endm

.macro GROUP g                      // by the bytes whose first digits it is
.if \g == 0
    vmovdqu ymm10, ymmword ptr [rax]
    vpxor   ymm10, ymm10, ymmword ptr [DATA]
.elseif \g < 5
    vpaddb  ymm0, ymm10, ymm10
    vpaddb  ymm10, ymm10, ymm0
.else
.if \g == 7
    vmovdqu xmm1, xmmword ptr [rax + 32]
    vpbroadcastd xmm0, dword ptr [rax + 48]
    vinserti128 ymm1, ymm1, xmm0, 1
.else
    vbroadcasti128 ymm1, xmmword ptr [rax + 32]
.endif
    vpxor   ymm1, ymm1, ymmword ptr [DATA]
    vmovdqa ymm2, ymmword ptr [DATA + 64 + 32*(\g - 5)]
    vmovdqa ymm0, ymmword ptr [DATA + 32]
    vpandn  ymm10, ymm0, ymm1
    vpmullw ymm1, ymm1, ymm2                            // even bytes, then odd ones
    vpmullw ymm10, ymm10, ymm2
    vpand   ymm1, ymm1, ymm0
    vpor    ymm10, ymm10, ymm1
.endif
    vpcmpgtb ymm0, ymm10, ymm14
    vpcmpgtb ymm1, ymm10, ymm15
    vpaddb  ymm1, ymm1, ymm0
    vpabsb  ymm1, ymm1
.endm

.macro ROW
    vpbroadcastw xmm0, word ptr [rax + 52]
    vcvtph2ps ymm0, xmm0
    vmovaps ymmword ptr [r11 + 512], ymm0
    GK_QDOT_NATURAL
.endm

#endif
