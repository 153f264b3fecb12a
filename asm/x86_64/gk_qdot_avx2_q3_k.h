// gk_qdot_avx2_q3_k.h -- rows of Q3_K by one row of x, with AVX-VNNI or without.
//
//   A block is 110 bytes: 32 of third bits, bit g for group g; 64 of the lower two bits; sc[16] of 6 bits in 12 bytes;
//   f16 d. w = d (sc - 32) (q - 4), q in 0 .. 7.
//
//   ymm10, ymm11  third bits of the two rows

#include "gk_qdot_avx2_q23_k.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_Q23
    .fill   32, 1, 4                                                                    // 224  4 f
    .fill   32, 1, 16                                                                   // 256
    .byte   2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9                              // 288  lower bits of scales
    .byte   10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13              // 304  and upper ones
    .long   0, 0, 4, 4, 0, 0, 4, 4                                                      // 320  shifts of the lower
    .long   0, 2, 4, 6, 0, 2, 4, 6                                                      // 352  and the upper, to bit 0
    .fill   32, 1, 15                                                                   // 384
    .fill   32, 1, 48                                                                   // 416
    .fill   32, 1, 32                                                                   // 448
    .long   0x08000004, 0x20000010                                                      // 480  (4 f, 512 4 f)
.endm

.macro SETUP
.endm

.macro HEAD d
    X_SCALES_F \d
    vmovdqu xmm0, xmmword ptr [N0 + 94]                 // . . sc[12] d of each row
    vinserti128 ymm0, ymm0, xmmword ptr [N1 + 94], 1
    vbroadcasti128 ymm1, xmmword ptr [DATA + 304]
    vbroadcasti128 ymm2, xmmword ptr [DATA + 288]
    vpshufb ymm1, ymm0, ymm1
    vpshufb ymm0, ymm0, ymm2
    vpsrlvd ymm1, ymm1, ymmword ptr [DATA + 352]
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 320]
    vpslld  ymm1, ymm1, 4
    vpand   ymm0, ymm0, ymmword ptr [DATA + 384]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 416]
    vpor    ymm0, ymm0, ymm1
    vpsubb  ymm0, ymm0, ymmword ptr [DATA + 448]        // sc - 32
    vmovdqa ymmword ptr [rdi + 224], ymm0
    SCALE_16 0, rdi + 224, N0 + 108
    SCALE_16 1, rdi + 240, N1 + 108
.endm

.macro THIRD g, from                // ymm1 |= 4 f times the third bits of group g
    .set    L(left), 2 + 2*(\g % 2) - \g
.if L(left) > 0
    vpsllw  ymm2, \from, L(left)
    vpand   ymm2, ymm2, ymmword ptr [DATA + 224 + 32*(\g % 2)]
.elseif L(left) < 0
    vpsrlw  ymm2, \from, -L(left)
    vpand   ymm2, ymm2, ymmword ptr [DATA + 224 + 32*(\g % 2)]
.else
    vpand   ymm2, \from, ymmword ptr [DATA + 224 + 32*(\g % 2)]
.endif
    vpor    ymm1, ymm1, ymm2
.endm

.macro STEP d, g, r, at, third, kept, acc
    LOWER   \at + 32, \g, \kept
    THIRD   \g, \third
    GK_QDOT_DOT \d
    ADD_16  \acc, 64*\r+8*\g
.endm

.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
    vpbroadcastd ymm3, dword ptr [DATA + 480 + 4*(\g % 2)]
    GK_QDOT_MINUS_Z \d, \g, ymm3
    STEP    \d, \g, 0, W0, ymm10, ymm14, ymm8
    STEP    \d, \g, 1, W1, ymm11, ymm15, ymm9
.endm

.macro BLOCK d
    HEAD    \d
    vmovdqu ymm10, ymmword ptr [W0]
    vmovdqu ymm11, ymmword ptr [W1]
    GK_QDOT_GROUPS \d
.endm

#endif
