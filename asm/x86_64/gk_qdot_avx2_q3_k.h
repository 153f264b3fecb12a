// gk_qdot_avx2_q3_k.h -- rows of Q3_K by a few rows of x, with AVX-VNNI or without.
//
//   A block is 110 bytes: 32 of third bits, bit g for group g; 64 of the lower two bits; sc[16] of 6 bits in 12 bytes;
//   f16 d. w = d (sc - 32) (q - 4), q in 0 .. 7.
//
//   ymm10  shifts 0 | 4     ymm11, ymm12  4 f

#define Z 4
#define Z_ODD 16
#define DEPTH 4
#include "gk_qdot_avx2_q23_k.h"
#ifdef __x86_64__

.macro CONSTANTS
    CONSTANTS_Q23
    .long   0, 0, 0, 0, 4, 4, 4, 4                                                      // 128
    .fill   32, 1, 4                                                                    // 160  4 f
    .fill   32, 1, 16                                                                   // 192
    .byte   2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9                              // 224  lower bits of scales
    .byte   10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13              // 240  and upper ones
    .long   0, 0, 4, 4                                                                  // 256  shifts of the lower
    .long   0, 2, 4, 6                                                                  // 272  and the upper, to bit 0
    .fill   16, 1, 48                                                                   // 288
    .fill   16, 1, 32                                                                   // 304
.endm

.macro SETUP
    SETUP_Q23
    vmovdqa ymm10, ymmword ptr [DATA + 128]
    vmovdqa ymm11, ymmword ptr [DATA + 160]
    vmovdqa ymm12, ymmword ptr [DATA + 192]
.endm

.macro HALF h
    vbroadcasti128 ymm4, xmmword ptr [rax + 16*\h]
    LOWER   rax + 32 + 16*\h
    vpsrlvd ymm4, ymm4, ymm10                           // third bits of groups g | g + 4 are bits g
    vpsllw  ymm5, ymm4, 2
    vpsllw  ymm6, ymm4, 3
    vpsllw  ymm7, ymm4, 1
    vpand   ymm4, ymm4, ymm11
    vpand   ymm5, ymm5, ymm11
    vpand   ymm6, ymm6, ymm12
    vpand   ymm7, ymm7, ymm12
    GK_QDOT_UPPER
.endm

.macro ROW
    vmovdqu xmm0, xmmword ptr [rax + 94]                // . . sc[12] d
    vpshufb xmm2, xmm0, xmmword ptr [DATA + 240]
    vpshufb xmm1, xmm0, xmmword ptr [DATA + 224]
    vpsrlvd xmm2, xmm2, xmmword ptr [DATA + 272]
    vpsrlvd xmm1, xmm1, xmmword ptr [DATA + 256]
    vpslld  xmm2, xmm2, 4
    vpand   xmm1, xmm1, xmmword ptr [DATA + 16]
    vpand   xmm2, xmm2, xmmword ptr [DATA + 288]
    vpor    xmm1, xmm1, xmm2
    vpsubb  xmm1, xmm1, xmmword ptr [DATA + 304]        // sc - 32
    SCALES_16 rax + 108
    SCALES_F
    GK_QDOT_HALVES
.endm

#endif
