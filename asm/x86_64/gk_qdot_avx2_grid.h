// gk_qdot_avx2_grid.h -- what rows of IQ codes by a few rows of x have in common, with AVX-VNNI or without.
//
//   An index stands for 8 or 4 weights, a row of the grid: as many bytes of the codebook. Indices are words, INDICES in the
//   room of the row, or bytes of the block. Codes with signs are taken plus Z, so that they have none.
//
//   r9, r10  an index and the codebook
//
//   ymm10, ymm11  bytes 1 << 0 .. 1 << 3, 1 << 4 .. 1 << 7     ymm12  bytes of 127     ymm13  bytes of Z
//   ymm14  signs of the row, or what the sign of an index does

#include "gk_qdot_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS_GRID factor        // w = d (2 s + 1) \factor grid
    .fill   32, 1, 15                                                                   //   0
#ifdef SCALES_OF_16
    .long   0, 8, 16, 24, 0, 8, 16, 24                                                  //  32  where nibbles are
    .long   4, 12, 20, 28, 4, 12, 20, 28                                                //  64  and those of last halves
#else
    .long   0, 4, 8, 12, 16, 20, 24, 28                                                 //  32  where nibbles are
    .zero   32
#endif
    .fill   8, 4, 15                                                                    //  96
    .byte   0, 128, 128, 0, 128, 0, 0, 128, 128, 0, 0, 128, 0, 128, 128, 0              // 128  odd numbers of bits
    .long   0x08040201, 0x80402010, 0x7f7f7f7f, 0x01010101*Z                            // 144
    .float  \factor, 0, 0, 0, 0, 0, 0, 0                                                // 160
.irp byte, 0, 1, 2, 3
    .long   0x01010101*\byte, 0x01010101*\byte + 0x04040404, 0x01010101*\byte + 0x08080808, 0x01010101*\byte + 0x0c0c0c0c   // 192
.endr
.endm

.macro CONSTANTS_28
    .fill   8, 4, 0x007f007f                                                            // 256
    .fill   8, 4, 0x7f007f00                                                            // 288
.endm

.macro SETUP_SIGNS
    vpbroadcastd ymm10, dword ptr [DATA + 144]
    vpbroadcastd ymm11, dword ptr [DATA + 148]
    vpbroadcastd ymm12, dword ptr [DATA + 152]
    vpbroadcastd ymm13, dword ptr [DATA + 156]
.endm

.macro ROW                          // by SCALES and INDEX8 \i of the format: quads 2 i and 2 i + 1 to ymm0 and ymm1
    SCALES
    mov     r10, qword ptr [rdi + 72]
.irp i, 0, 1, 2, 3
    INDEX8  \i
    vmovdqa ymmword ptr [r11 + 64*\i], ymm0
    vmovdqa ymmword ptr [r11 + 64*\i + 32], ymm1
.endr
.endm

// ---- scales ----------------------------------------------------------------------

.macro ODD_D at                     // ymm2, ymm3 = d, 2 d from the f16 at \at, times the factor
    vpbroadcastw xmm2, word ptr [\at]
    vbroadcastss ymm3, dword ptr [DATA + 160]
    vcvtph2ps ymm2, xmm2
    vmulps  ymm2, ymm2, ymm3
    vaddps  ymm3, ymm2, ymm2
.endm

.macro ODD_NIBBLES shifts, to       // scales \to = d (2 s + 1), s nibbles of ymm0
    vpsrlvd ymm1, ymm0, ymmword ptr [DATA + \shifts]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 96]
    vcvtdq2ps ymm1, ymm1
    vfmadd213ps ymm1, ymm3, ymm2
    vmovaps ymmword ptr [r11 + \to], ymm1
.endm

.macro ODD_16 at                    // of 16: sixteen nibbles at \at
    ODD_D   rax
    vpbroadcastd ymm0, dword ptr [\at]
    vpbroadcastd ymm1, dword ptr [\at + 4]
    vpblendd ymm0, ymm0, ymm1, 0xf0
    ODD_NIBBLES 32, 512
    ODD_NIBBLES 64, 544
.endm

// ---- signs -----------------------------------------------------------------------

.macro EVEN_SIGNS                   // ymm0: bit 7 of a byte makes its number of ones even
    vbroadcasti128 ymm2, xmmword ptr [DATA + 128]
    vpsrlw  ymm1, ymm0, 4
    vpxor   ymm1, ymm1, ymm0
    vpand   ymm1, ymm1, ymmword ptr [DATA]
    vpshufb ymm1, ymm2, ymm1
    vpor    ymm0, ymm0, ymm1
.endm

.macro SPREAD i, from              // ymm6 = byte \i of each group, four times
    vbroadcasti128 ymm6, xmmword ptr [DATA + 192 + 16*\i]
    vpshufb ymm6, \from, ymm6
.endm

.macro SIGNED of, bits              // \of with the signs of ymm6, plus Z
    vpand   ymm7, ymm6, \bits
    vpaddb  ymm7, ymm7, ymm12                           // set bits become signs
    vpsignb \of, \of, ymm7
    vpaddb  \of, \of, ymm13
.endm

.macro SIGNED_PAIR i                // of ymm0 and ymm1, by the signs of the block in ymm14
    SPREAD  \i, ymm14
    SIGNED  ymm0, ymm10
    SIGNED  ymm1, ymm11
.endm

.macro SCALES_28                    // of words of four signs of 7 bits and s, in ymm0: scales and signs to the room
    ODD_D   rax
    vpsrld  ymm1, ymm0, 28
    vcvtdq2ps ymm1, ymm1
    vfmadd213ps ymm1, ymm3, ymm2
    vmovaps ymmword ptr [r11 + 512], ymm1
    vpslld  ymm1, ymm0, 2
    vpblendw ymm0, ymm0, ymm1, 0xaa                     // 14 bits in words
    vpsllw  ymm1, ymm0, 1
    vpand   ymm0, ymm0, ymmword ptr [DATA + 256]
    vpand   ymm1, ymm1, ymmword ptr [DATA + 288]
    vpor    ymm0, ymm0, ymm1
    EVEN_SIGNS
    vmovdqa ymm14, ymm0
.endm

// ---- rows of the grid ------------------------------------------------------------
//
//   Those of groups 0 .. 7, whose indices are \step bytes apart: with GRID8 two quads of each, else one.

.macro GRID8_FOUR to, half, size, at, step
    movzx   r9d, \size ptr [\at]
    vmovsd  xmm\to, qword ptr [r10 + 8*r9]
    movzx   r9d, \size ptr [\at + \step]
    vmovhps xmm\to, xmm\to, qword ptr [r10 + 8*r9]
    movzx   r9d, \size ptr [\at + 4*\step]
    vmovsd  xmm\half, qword ptr [r10 + 8*r9]
    movzx   r9d, \size ptr [\at + 5*\step]
    vmovhps xmm\half, xmm\half, qword ptr [r10 + 8*r9]
    vinsertf128 ymm\to, ymm\to, xmm\half, 1
.endm

.macro GRID8 size, at, step         // ymm0, ymm1
    GRID8_FOUR 2, 3, \size, \at, \step
    GRID8_FOUR 4, 5, \size, \at + 2*\step, \step
    vshufps ymm0, ymm2, ymm4, 0x88
    vshufps ymm1, ymm2, ymm4, 0xdd
.endm

.macro GRID4_FOUR to, size, at, step
    movzx   r9d, \size ptr [\at]
    vmovss  \to, dword ptr [r10 + 4*r9]
    movzx   r9d, \size ptr [\at + \step]
    vinsertps \to, \to, dword ptr [r10 + 4*r9], 0x10
    movzx   r9d, \size ptr [\at + 2*\step]
    vinsertps \to, \to, dword ptr [r10 + 4*r9], 0x20
    movzx   r9d, \size ptr [\at + 3*\step]
    vinsertps \to, \to, dword ptr [r10 + 4*r9], 0x30
.endm

.macro GRID4 to, half, size, at, step       // eight rows of 4
    GRID4_FOUR xmm\to, \size, \at, \step
    GRID4_FOUR xmm\half, \size, \at + 4*\step, \step
    vinsertf128 ymm\to, ymm\to, xmm\half, 1
.endm

#endif
