// gk_qdot_avx2_6bit.h -- what rows of Q4_K and Q5_K by one row of x have in common: scales of 6 bits.
//
//   A block begins with f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes: a, b, c of four. w = d sc q - dmin mn.

#include "gk_qdot_avx2_zeros.h"
#ifdef __x86_64__

.macro CONSTANTS_6BIT top
    CONSTANTS_ZEROS \top
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15                    // 160  a c b c
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11                    // 192  . a . b
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11
    .long   0, 0, 0, 4, 0, 0, 0, 4                                                      // 224  shifts of a c b c
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f                              // 256  and their masks
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f
    .long   0, 0x30303030, 0, 0x30303030, 0, 0x30303030, 0, 0x30303030                  // 288  those of . a . b
.endm

.macro SCALE r, at                  // of the block at \at: its sc and mn as bytes are in the room of HEAD
    vpbroadcastd xmm0, dword ptr [\at]
    vcvtph2ps ymm0, xmm0                                // d dmin d dmin ..
    vpmovzxbd ymm1, qword ptr [rdi + 224 + 16*\r]
    vpmovzxbd ymm2, qword ptr [rdi + 224 + 16*\r + 8]
    vcvtdq2ps ymm1, ymm1
    vcvtdq2ps ymm2, ymm2
    vmovsldup ymm3, ymm0
    vmovshdup ymm0, ymm0
    vmulps  ymm1, ymm1, ymm3                            // s = d sc
    vmulps  ymm2, ymm2, ymm0                            // m = dmin mn
.endm

.macro BYTES                        // sc and mn of both rows
    vmovdqu xmm0, xmmword ptr [N0]                      // d dmin a b c
    vinserti128 ymm0, ymm0, xmmword ptr [N1], 1
    vpshufb ymm1, ymm0, ymmword ptr [DATA + 192]
    vpshufb ymm0, ymm0, ymmword ptr [DATA + 160]
    vpsrld  ymm1, ymm1, 2                               // high bits: a >> 2, b >> 2
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 224]        // low bits: a, c, b, c >> 4
    vpand   ymm1, ymm1, ymmword ptr [DATA + 288]
    vpand   ymm0, ymm0, ymmword ptr [DATA + 256]
    vpor    ymm0, ymm0, ymm1
    vmovdqa ymmword ptr [rdi + 224], ymm0
.endm

#endif
