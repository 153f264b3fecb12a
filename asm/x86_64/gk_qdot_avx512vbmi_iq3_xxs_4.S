// gk_qdot_avx512vbmi_iq3_xxs_4 -- rows of IQ3_XXS by a few rows of x.                      AVX-512 VNNI, VBMI and GFNI
//
//   A block is 98 bytes: f16 d; 64 indices, for 4 weights each; eight words of four signs of 7 bits and s, the upper 4.
//   w = +-d (2 s + 1) / 4 grid. The sign of the last of 8 weights makes the number of minus signs even.
//
//   256 of four rows: 213 micro-operations of vectors for three digits, 169 for one. On Ice Lake 129 cycles.
//
// mca: icelake-server 1*129 2

#include "gk_qdot_avx512vbmi.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq3_xxs_data
    GK_QDOT_GRID_DATA 0.25
    GK_QDOT_IQ3_DATA 4, 12, 20, 28, 36, 44, 52, 62
    .long   0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15                // 320  two rows by turns
    .byte   0, 7, 14, 21, 32, 39, 46, 53                                        // 384  where signs begin
    .balign 64
    // 448  bit i of byte n is bit 2, bit 4 + i is bit 1 of what weight i of row n has for its level
    .quad   0x3020111000011000, 0x1000100023321220, 0x4022030230202120, 0x7170607060404150
    .quad   0x6150405140635342, 0x0427361707351462, 0x5545446765163415, 0x3020100010006656
    .quad   0x0010000213213020, 0x6060504050403020, 0x0473536060504072, 0x7445261725240605
    .quad   0xb1b0a09080908046, 0xa0908081908092a0, 0xd1c0d0c0a2b3b2a0, 0xc1c0c0c3c2f1f0e0
    .quad   0xa786b59496a5e3e2, 0xa0908080c7d5d4c4, 0xa0a09080b2a382b0, 0xf2d2e1c0d0c09383
    .quad   0xb49584b697a4f0c0, 0x1909e6f4f6f5c587, 0x4a79682b1b1a3929, 0x2d2f0e0d4b597b6a
    .quad   0x0a186c5c4c4d2e1e, 0x7a78490b3919082a, 0x2c1c3e3d3c0c5a58, 0xa8ab9b8ba95e6d4e
    .quad   0x9e8d8ff9e8ebd9aa, 0xb888998998ecdcfc, 0xc9c8dacbd88ab99a, 0xecad9c8c8eaceaf8
    // 704  bits i and 4 + i: its bit 0
    .quad   0x0000333333000000, 0x6666555533330033, 0x0066665566665555, 0x3333330000330000
    .quad   0x5566665555333333, 0x5533333300333366, 0x6666660033666655, 0x9999aaaa99995555
    .quad   0xffccccaa99aaaaaa, 0xaa99aaaa9999cccc, 0x99ccccffccccccaa, 0xcc99ffccccccaa99
    .quad   0x00000033330000cc, 0x5566665555550033, 0x3333000066555566, 0x6666553300330000
    .quad   0x6655555533336666, 0x99aaaa9955665555, 0xffccccccaa99aa99, 0xaaaa99aa9999cccc
    .quad   0xccccccaa99aaffff, 0x3300ccff99aaaaff, 0x0033006633333333, 0x5500330055550000
    .quad   0x99aa666666556655, 0xaaaaaaffccccccaa, 0xffccaa9999aaffcc, 0x5500000000ccccaa
    .quad   0x6655006666003355, 0xaaaa999999555533, 0xffccaa99aaccccaa, 0xaacccccc9999ccff

.macro SETUP
    GK_QDOT_IQ3_SETUP
.endm

.macro SCALES pair, a, b
    vmovdqu ymm0, ymmword ptr [\a + 66]
    vinserti64x4 zmm0, zmm0, ymmword ptr [\b + 66], 1
    vmovdqa64 zmm1, zmmword ptr [DATA + 320]
    vpermd  zmm0, zmm1, zmm0
    vpsrld  zmm0, zmm0, 28
    GK_QDOT_ODD32 \pair
.endm

.macro PLANES at, f, t
    vmovdqa64 zmm7, zmmword ptr [DATA + 192]
    vpermd  zmm0, zmm7, zmmword ptr [\at + 2]           // indices
    vpmovb2m k4, zmm0
    GK_QDOT_LOOK256 \f, 448
    GK_QDOT_LOOK256 \t, 704
    vpbroadcastq ymm1, qword ptr [DATA + 384]
    vpbroadcastq ymm0, qword ptr [DATA + 72]
    vpmultishiftqb ymm1, ymm1, ymmword ptr [\at + 66]
    vgf2p8affineqb ymm1, ymm1, ymm0, 0                  // signs
    GK_QDOT_PLANES4 \f, \t
.endm

.macro BITS a, b, v0, v1, v2, v3
    GK_QDOT_BITS4 \a, \b, \v0, \v1, \v2, \v3
.endm

.macro LEVELS to, v, side
    GK_QDOT_LEVELS4 \to, \v, \side
.endm

.macro HEAD d
    GK_QDOT_FACTORS 0
    GK_QDOT_SCALES32
.endm

.macro BLOCK d
    GK_QDOT_GRID32 \d, 98
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq3_xxs_4, 98, GROUPS

#endif
