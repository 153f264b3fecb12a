// gk_qdot_avx2_q45_1.h -- what rows of Q4_1 and Q5_1 by one row of x have in common: f16 scales and offsets.
//
//   256 weights are eight blocks of BYTES_OF_32, a group each, that open with f16 d, m. w = d q + m.

#include "gk_qdot_avx2_zeros.h"
#ifdef __x86_64__

.macro CONSTANTS_1 top
    CONSTANTS_ZEROS \top
    .long   0x80000000, 0, 0, 0, 0, 0, 0, 0                                             // 192
.endm

.macro SCALE r, at
    GK_QDOT_HALVES \at, BYTES_OF_32
    vmovaps ymm1, ymm0
    GK_QDOT_HALVES \at + 2, BYTES_OF_32
    vxorps  ymm2, ymm0, ymm6
    ZEROS   \r
.endm

.macro HEAD d
    GK_QDOT_X_SCALES \d
    vpxor   xmm5, xmm5, xmm5
    vbroadcastss ymm6, dword ptr [DATA + 192]
    SCALE   0, N0
    SCALE   1, N1
.endm

.macro BLOCK d
    RESTS_AND_GROUPS \d
.endm

#endif
