// gk_qdot_avx2_q23_k.h -- what rows of Q2_K and Q3_K by one row of x have in common: lower bits of codes.
//
//   64 bytes of 2 bits, 32 of them for four groups. Of two groups, f = 1 | 4: codes of the second stay two bits up,
//   their scales are a quarter.
//
//   ymm14, ymm15  lower bits of groups 2 and 3 of a half, of the two rows

#include "gk_qdot_avx2_16.h"
#ifdef __x86_64__

.macro CONSTANTS_Q23
    CONSTANTS_16
    .fill   32, 1, 3                                                                    // 128  3 f
    .fill   32, 1, 12                                                                   // 160
    .float  1, 1, 0.25, 0.25, 1, 1, 0.25, 0.25                                          // 192  1 / f
.endm

.macro X_SCALES_F d                 // ymm4, ymm5 = scales of the next x / f
    vmovaps ymm0, ymmword ptr [DATA + 192]
    vmulps  ymm4, ymm0, ymmword ptr [r11 + 256*\d + X_SCALE]
    vmulps  ymm5, ymm0, ymmword ptr [r11 + 256*\d + X_SCALE + 32]
.endm

.macro LOWER at, g, kept            // ymm1 = f times the lower bits of group g, all of these at \at
.if \g % 4 < 2
    vmovdqa ymm1, ymmword ptr [DATA + 128 + 32*(\g % 2)]
    vpand   ymm1, ymm1, ymmword ptr [\at + 32*(\g / 4)]
.else
.if \g % 4 == 2
    vmovdqu \kept, ymmword ptr [\at + 32*(\g / 4)]
    vpsrlw  \kept, \kept, 4
.endif
    vpand   ymm1, \kept, ymmword ptr [DATA + 128 + 32*(\g % 2)]
.endif
.endm

#endif
