// gk_qdot_avx2_iq4_xs.h -- rows of IQ4_XS by a few rows of x, with AVX-VNNI or without.
//
//   A block is 136 bytes: f16 d; sc[8] of 6 bits, the upper two in a word, the lower four in four bytes; 16 bytes
//   of nibbles for each group. w = d (sc - 32) level[q].

#include "gk_qdot_avx2_iq4.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_IQ4
    .long   0, 4, 8, 12, 16, 20, 24, 28                                                 //  32  where lower bits are
    .long   12, 14, 16, 18, 20, 22, 24, 26                                              //  64  and upper, after d
    .fill   8, 4, 15                                                                    //  96
    .fill   8, 4, 48                                                                    // 128
    .fill   8, 4, 32                                                                    // 160
.endm

.macro ROW
    vpbroadcastd ymm0, dword ptr [rax + 4]
    vpbroadcastd ymm1, dword ptr [rax]
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 32]
    vcvtph2ps xmm2, xmm1                                // d . d .
    vpsrlvd ymm1, ymm1, ymmword ptr [DATA + 64]
    vpand   ymm0, ymm0, ymmword ptr [DATA + 96]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 128]
    vbroadcastss ymm2, xmm2
    vpor    ymm0, ymm0, ymm1
    vpsubd  ymm0, ymm0, ymmword ptr [DATA + 160]
    vcvtdq2ps ymm0, ymm0
    vmulps  ymm0, ymm0, ymm2
    vmovaps ymmword ptr [r11 + 512], ymm0
    NIBBLES_OF rax + 8, 16
.endm

#endif
