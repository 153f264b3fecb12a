// gk_qdot_avx512vbmi_iq1.h -- the grid of IQ1_S and IQ1_M, 2048 rows of 8 weights.         AVX-512 VNNI, VBMI and GFNI
//
//   As gk_qdot_avx512vbmi.h, but there are too many rows for planes: they are gathered from the codebook, bytes -8, 0
//   and 8. WORDS \a, \b of the format makes indices of two rows, a word each: of zmm0 those 0 .. 7, 16 .. 23 of a and
//   of b by quarters, of zmm1 those behind them. UNSIGNED \side, \v0 .. \v3 makes bytes of the grid, of row a or b,
//   codes: of \v0 indices 0, 8, 2, 10, 4, 12, 6, 14, of \v1 those 16 further on, of \v2 and \v3 the next of both.
//
//   r11  codebook     k1  what is gathered, all: k0 is anything
//   zmm16  as there   zmm24  the lower halves of double words
//
//   A gather counts as one micro-operation.

#include "gk_qdot_avx512vbmi.h"
#ifdef __x86_64__

.macro GK_QDOT_IQ1_DATA             // the first 264 bytes of the constants
    GK_QDOT_GRID_DATA 0.125
    .long   0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23              // 128  pairs of indices of a
    .long   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31        // 192  and of b
    .long   0xffff, 0x07070707                                                  // 256
.endm

.macro GK_QDOT_IQ1_SETUP
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpbroadcastd zmm24, dword ptr [DATA + 256]
.endm

.macro GK_QDOT_IQ1_LOAD a, b, upper, places     // of two rows lower bytes of indices to zmm0, fields of bits to zmm2
    vmovdqu ymm0, ymmword ptr [\a]
    vmovdqu xmm1, xmmword ptr [\a + \upper]
    vinserti64x4 zmm0, zmm0, ymmword ptr [\b], 1
    vinserti128 ymm1, ymm1, xmmword ptr [\b + \upper], 1
    vpbroadcastq zmm2, qword ptr [DATA + \places]
    vpmovzxdq zmm1, ymm1
    vpmultishiftqb zmm2, zmm2, zmm1
.endm

.macro GK_QDOT_IQ1_WORDS            // of them
    vpandd  zmm2, zmm2, dword ptr [DATA + 260]{1to16}
    vpunpckhbw zmm1, zmm0, zmm2
    vpunpcklbw zmm0, zmm0, zmm2
.endm

.macro GK_QDOT_GATHER to, indices
    kxnorw  k1, k0, k0
    vpgatherdq \to {k1}, [r11 + 8*\indices]
.endm

.macro GK_QDOT_IQ1_ROW side, v0, v1, v2, v3
    vmovdqa64 zmm3, zmmword ptr [DATA + 128 + 64*\side]
    vpermi2d zmm3, zmm0, zmm1
    vpandd  zmm2, zmm3, zmm24
    vpsrld  zmm3, zmm3, 16
    GK_QDOT_GATHER \v0, ymm2
    GK_QDOT_GATHER \v2, ymm3
    vextracti64x4 ymm2, zmm2, 1
    vextracti64x4 ymm3, zmm3, 1
    GK_QDOT_GATHER \v1, ymm2
    GK_QDOT_GATHER \v3, ymm3
    UNSIGNED \side, \v0, \v1, \v2, \v3
    vmovdqa64 zmm2, \v0
    vmovdqa64 zmm3, \v2
    vshufps \v0, zmm2, \v1, 0x88
    vshufps \v1, zmm2, \v1, 0xdd
    vshufps \v2, zmm3, \v3, 0x88
    vshufps \v3, zmm3, \v3, 0xdd
.endm

.macro GK_QDOT_IQ1_CODES            // of four rows
    mov     r11, qword ptr [rdi + 72]
    WORDS   W0, W1
    GK_QDOT_IQ1_ROW 0, zmm18, zmm19, zmm20, zmm21
    GK_QDOT_IQ1_ROW 1, zmm12, zmm13, zmm14, zmm15
    WORDS   W2, W3
    GK_QDOT_IQ1_ROW 0, zmm4, zmm5, zmm6, zmm7
    GK_QDOT_IQ1_ROW 1, zmm28, zmm29, zmm30, zmm31
.endm

#endif
