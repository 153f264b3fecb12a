// gk_qdot_avx512vnni_iq4_xs_4 -- rows of IQ4_XS by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 136 bytes: f16 d; eight scales of 6 bits, the upper two in a word, the lower four in four bytes; for each 32
//   weights 16 bytes of nibbles, the low halves of them first. w = d (sc - 32) level[q].
//
//   zmm24  fifteens     zmm26  shifts of lanes     zmm27  levels + 128
//
//   256 of four rows: 163 micro-operations of vectors for three digits, 119 for one. On Ice Lake 89 cycles.
//
// mca: icelake-server 1*89 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_iq4_xs_data
L(data):
    .long   0, 8, 16, 24, 4, 12, 20, 28, 0, 8, 16, 24, 4, 12, 20, 28            //   0  where the lower bits are
    .long   12, 16, 20, 24, 14, 18, 22, 26, 12, 16, 20, 24, 14, 18, 22, 26      //  64  and the upper, above 4, after d
    .long   0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2                      // 128  d of two rows
    GK_QDOT_LEVELS_DATA                                                         // 192
    .long   15, 48, 32                                                          // 208
    .balign 64
    .long   0, 8, 16, 24, 0, 8, 16, 24, 4, 12, 20, 28, 4, 12, 20, 28   // 256  quads 0 of lanes
    .long   1, 9, 17, 25, 1, 9, 17, 25, 5, 13, 21, 29, 5, 13, 21, 29   // 320  quads 1 of lanes
    .long   2, 10, 18, 26, 2, 10, 18, 26, 6, 14, 22, 30, 6, 14, 22, 30 // 384  quads 2 of lanes
    .long   3, 11, 19, 27, 3, 11, 19, 27, 7, 15, 23, 31, 7, 15, 23, 31 // 448  quads 3 of lanes
    .long   0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4                      // 512  and their shifts

.macro SETUP
    GK_QDOT_NIBBLES_SETUP
    GK_QDOT_LEVELS_SETUP 192
    vmovdqa64 zmm26, zmmword ptr [DATA + 512]
.endm

.macro SCALES a, b, room            // of the blocks at \a and \b, times those of x
    vpbroadcastd zmm0, dword ptr [\a + 4]
    vpbroadcastd zmm0 {k7}, dword ptr [\b + 4]
    vpbroadcastd zmm1, dword ptr [\a]
    vpbroadcastd zmm1 {k7}, dword ptr [\b]
    vmovd   xmm2, dword ptr [\a]
    vpinsrd xmm2, xmm2, dword ptr [\b], 1
    vcvtph2ps xmm2, xmm2                                // d . d .
    vpsrlvd zmm0, zmm0, zmmword ptr [DATA]
    vpsrlvd zmm1, zmm1, zmmword ptr [DATA + 64]
    vpandd  zmm0, zmm0, dword ptr [DATA + 208]{1to16}
    vpternlogd zmm0, zmm1, dword ptr [DATA + 212]{1to16}, 0xf8
    vpsubd  zmm0, zmm0, dword ptr [DATA + 216]{1to16}
    vcvtdq2ps zmm0, zmm0
    vmovdqa64 zmm3, zmmword ptr [DATA + 128]
    vpermps zmm2, zmm3, zmm2
    vmulps  zmm0, zmm0, zmm2
    vmovaps zmmword ptr [rdi + \room], zmm0
.endm

.macro QUAD h, to
    vmovdqa64 zmm\to, zmmword ptr [DATA + 256 + 64*\h]
    vpermi2d zmm\to, zmm0, zmm1
    vpsrlvd zmm\to, zmm\to, zmm26
    vpandd  zmm\to, zmm\to, zmm24
    GK_QDOT_LEVELS \to
.endm

.macro CODES at
    vmovdqu64 zmm0, zmmword ptr [\at + 8]
    vmovdqu64 zmm1, zmmword ptr [\at + 72]
    QUAD    0, 4
    QUAD    1, 5
    QUAD    2, 6
    QUAD    3, 7
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 136, 7
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_iq4_xs_4, 136, GROUPS

#endif
