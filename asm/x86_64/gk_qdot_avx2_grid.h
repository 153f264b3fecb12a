// gk_qdot_avx2_grid.h -- what rows of IQ codes by one row of x have in common, with AVX-VNNI or without.
//
//   An index stands for 8 or 4 weights, a row of the grid: as many bytes of the codebook. Indices are words that HEAD
//   leaves beside the scales, or bytes of the block.
//
//   rax, r11  while a block is multiplied an index and the codebook; what they were is at 224 of the job
//
//   scales of a block, for each row of 160: 0  float s[8], or s[16], times those of x; SIGNS and INDICES of the format
//
//   ymm10  bytes of 127     ymm11  bytes 1 << 0 .. 1 << 7     ymm14  four bytes, each eight times
//   ymm15  AVX-VNNI: the signs of bytes

#define GK_QDOT_SECOND 576
#include "gk_qdot_avx2_16.h"
#ifdef __x86_64__

.macro CONSTANTS_GRID factor        // w = d (2 s + 1) \factor grid
    CONSTANTS_16
    .byte   0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1                              // 128
    .byte   2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3
    .long   0, 4, 8, 12, 16, 20, 24, 28                                                 // 160  where nibbles are
    .fill   8, 4, 15                                                                    // 192
    .fill   32, 1, 15                                                                   // 224
    .byte   0, 128, 128, 0, 128, 0, 0, 128, 128, 0, 0, 128, 0, 128, 128, 0              // 256  odd numbers of bits
    .quad   0x8040201008040201                                                          // 272
    .long   0x7f7f7f7f, 0x80808080                                                      // 280
    .float  \factor, 0, 0, 0, 0, 0, 0, 0                                                // 288
.endm

.macro CONSTANTS_28
    .fill   8, 4, 1                                                                     // 320
    .fill   8, 4, 0x007f007f                                                            // 352
    .fill   8, 4, 0x7f007f00                                                            // 384
.endm

.macro SETUP_SIGNS
    vpbroadcastd ymm10, dword ptr [DATA + 280]
    vpbroadcastq ymm11, qword ptr [DATA + 272]
    vmovdqa ymm14, ymmword ptr [DATA + 128]
#ifdef GK_QDOT_VNNI
    vpbroadcastd ymm15, dword ptr [DATA + 284]
#endif
.endm

// ---- scales ----------------------------------------------------------------------

#ifdef SCALES_OF_16
.macro X_SCALES_GRID d              // ymm4, ymm5 = scales of the next x, one for 16, times the factor
    vbroadcastss ymm0, dword ptr [DATA + 288]
    vmulps  ymm4, ymm0, ymmword ptr [r11 + 256*\d + X_SCALE]
    vmulps  ymm5, ymm0, ymmword ptr [r11 + 256*\d + X_SCALE + 32]
.endm
#else
.macro X_SCALES_GRID d              // ymm4: one for a group
    GK_QDOT_X_SCALES \d
    vbroadcastss ymm0, dword ptr [DATA + 288]
    vmulps  ymm4, ymm4, ymm0
.endm
#endif

.macro HEAD d                       // by ROW_HEAD \r, \at: what row r needs of its block at \at
    X_SCALES_GRID \d
    ROW_HEAD 0, N0
    ROW_HEAD 1, N1
.endm

.macro ODD_D at                     // ymm2, ymm3 = d, 2 d from the f16 at \at
    vpbroadcastw xmm2, word ptr [\at]
    vcvtph2ps ymm2, xmm2
    vaddps  ymm3, ymm2, ymm2
.endm

.macro ODD_NIBBLES at, x, to        // scales \to = d (2 s + 1) \x, s eight nibbles at \at
    vpbroadcastd ymm1, dword ptr [\at]
    vpsrlvd ymm1, ymm1, ymmword ptr [DATA + 160]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 192]
    vcvtdq2ps ymm1, ymm1
    vfmadd213ps ymm1, ymm3, ymm2
    vmulps  ymm1, ymm1, \x
    vmovaps ymmword ptr [\to], ymm1
.endm

// ---- signs -----------------------------------------------------------------------

.macro EVEN_SIGNS                   // ymm0: bit 7 of a byte makes its number of ones even
    vbroadcasti128 ymm2, xmmword ptr [DATA + 256]
    vpsrlw  ymm1, ymm0, 4
    vpxor   ymm1, ymm1, ymm0
    vpand   ymm1, ymm1, ymmword ptr [DATA + 224]
    vpshufb ymm1, ymm2, ymm1
    vpor    ymm0, ymm0, ymm1
.endm

.macro SIGNED d, at                 // ymm1 = rows in ymm0 with the signs at \at; or these alone, where they will do
    vpbroadcastd ymm1, dword ptr [\at]
    vpshufb ymm1, ymm1, ymm14
    vpand   ymm1, ymm1, ymm11
    vpaddb  ymm1, ymm1, ymm10                           // set bits become signs
#ifndef GK_QDOT_VNNI
.if \d == 3
    vpsignb ymm1, ymm0, ymm1
.endif
#else
    vpsignb ymm1, ymm0, ymm1
#endif
.endm

.macro SCALES_28 r, at              // of words of four signs of 7 bits and s, in ymm0: scales and signs to memory
    vpbroadcastw xmm2, word ptr [\at]
    vpsrld  ymm1, ymm0, 27
    vcvtph2ps ymm2, xmm2
    vpor    ymm1, ymm1, ymmword ptr [DATA + 320]        // 2 s + 1
    vcvtdq2ps ymm1, ymm1
    vmulps  ymm1, ymm1, ymm2
    vmulps  ymm1, ymm1, ymm4
    vmovaps ymmword ptr [r10 + 160*\r], ymm1
    vpslld  ymm1, ymm0, 2
    vpblendw ymm0, ymm0, ymm1, 0xaa                     // 14 bits in words
    vpsllw  ymm1, ymm0, 1
    vpand   ymm0, ymm0, ymmword ptr [DATA + 352]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 384]
    vpor    ymm0, ymm0, ymm1
    EVEN_SIGNS
    vmovdqa ymmword ptr [r10 + 160*\r + SIGNS], ymm0
.endm

// ---- rows of the grid ------------------------------------------------------------

.macro GRID8 size, at, step         // ymm0 = four rows of 8
    movzx   eax, \size ptr [\at]
    vmovsd  xmm0, qword ptr [r11 + 8*rax]
    movzx   eax, \size ptr [\at + \step]
    vmovhps xmm0, xmm0, qword ptr [r11 + 8*rax]
    movzx   eax, \size ptr [\at + 2*\step]
    vmovsd  xmm1, qword ptr [r11 + 8*rax]
    movzx   eax, \size ptr [\at + 3*\step]
    vmovhps xmm1, xmm1, qword ptr [r11 + 8*rax]
    vinsertf128 ymm0, ymm0, xmm1, 1
.endm

.macro GRID4_HALF to, size, at, step
    movzx   eax, \size ptr [\at]
    vmovss  \to, dword ptr [r11 + 4*rax]
    movzx   eax, \size ptr [\at + \step]
    vinsertps \to, \to, dword ptr [r11 + 4*rax], 0x10
    movzx   eax, \size ptr [\at + 2*\step]
    vinsertps \to, \to, dword ptr [r11 + 4*rax], 0x20
    movzx   eax, \size ptr [\at + 3*\step]
    vinsertps \to, \to, dword ptr [r11 + 4*rax], 0x30
.endm

.macro GRID4 size, at, step         // ymm0 = eight rows of 4
    GRID4_HALF xmm0, \size, \at, \step
    GRID4_HALF xmm1, \size, \at + 4*\step, \step
    vinsertf128 ymm0, ymm0, xmm1, 1
.endm

.macro BLOCK d
    HEAD    \d
    mov     qword ptr [rdi + 224], rax
    mov     qword ptr [rdi + 232], r11
    mov     r11, qword ptr [rdi + 72]
    GK_QDOT_GROUPS \d
    mov     rax, qword ptr [rdi + 224]
    mov     r11, qword ptr [rdi + 232]
.endm

#endif
