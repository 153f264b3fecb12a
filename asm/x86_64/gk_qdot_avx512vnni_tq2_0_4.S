// gk_qdot_avx512vnni_tq2_0_4 -- rows of TQ2_0 by one row of x.                              AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 66 bytes: 64 of codes of 2 bits, 32 of them for four groups; f16 d. w = d (q - 1).
//
//   Of the two groups of a step, f = 1 | 4: codes of the second stay two bits up, its scales are a quarter.
//
//   zmm24  3 f     zmm25  f     zmm31  shifts 7 | 5, from -128 to -f     k1  the second row
//
//   A block of four rows: micro-operations of vectors 10.5 a step of 64 codes for three digits and 5.5 for one, and 6
//   for two rows of scales, 6 besides: 186 and 106.
//   On Zen 4, where those of 512 bits take two cycles of a pipe: 141 cycles and 68 cycles.
//
// mca: znver4 1*141

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_tq2_0_data
    GK_QDOT_PAIRS_DATA
    .float  1, 0.25, 1, 0.25, 1, 0.25, 1, 0.25, 1, 0.25, 1, 0.25, 1, 0.25, 1, 0.25      // 256  1 / f
    .long   0x03030303, 0x0c0c0c0c, 0x01010101, 0x04040404, 7, 5                        // 320

.macro HALVES_OF reg, at            // two double words of constants, each for half of a register
    vpbroadcastd \reg, dword ptr [DATA + \at]
    vpbroadcastd \reg {k1}, dword ptr [DATA + \at + 4]
.endm

.macro SETUP
    GK_QDOT_PAIRS_SETUP
    mov     eax, 0xff00
    kmovd   k1, eax
    HALVES_OF zmm24, 320
    HALVES_OF zmm25, 328
    HALVES_OF zmm31, 336
.endm

.macro SCALES a, b, room
    vpbroadcastw ymm0, word ptr [\a + 64]
    vpbroadcastw ymm0 {k1}, word ptr [\b + 64]
    GK_QDOT_HALF_SCALES \room
.endm

.macro CODES d, h, at, keep, also
    vbroadcasti32x8 zmm7, ymmword ptr [\at + 32*(\h/2)]
.if \h % 2
    vpsrlw  zmm7, zmm7, 4
.endif
    vpandd  zmm7, zmm7, zmm24                       // f q
.if \d == 3
    vpsubb  zmm1, zmm7, zmm25                       // f (q - 1)
.endif
.endm

.macro HEAD d
    vmovdqa64 zmm0, zmmword ptr [DATA + 64]
    vpermps zmm26, zmm0, zmmword ptr [r11 + 256*\d + 512]
    vmulps  zmm26, zmm26, zmmword ptr [DATA + 256]
    SCALES  N0, N1, 448
    SCALES  N2, N3, 640
.endm

.macro BLOCK d
    GK_QDOT_PAIRS_SIGNED \d, 66, -1
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_tq2_0_4, 66

#endif
