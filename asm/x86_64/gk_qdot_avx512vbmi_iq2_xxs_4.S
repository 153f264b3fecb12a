// gk_qdot_avx512vbmi_iq2_xxs_4 -- rows of IQ2_XXS by a few rows of x.                      AVX-512 VNNI, VBMI and GFNI
//
//   A block is 66 bytes: f16 d, then eight times 8 bytes for 32 weights: four indices, and a word of four signs of 7 bits and
//   s, the upper 4. w = +-d (2 s + 1) / 8 grid. The sign of the last of 8 weights makes the number of minus signs even.
//
//   k1, k2  even and odd double words; what a mask leaves out is not read
//
//   256 of four rows: 177 micro-operations of vectors for three digits, 133 for one. On Ice Lake 109 cycles.
//
// mca: icelake-server 1*109 2

#include "gk_qdot_avx512vbmi.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq2_xxs_data
    GK_QDOT_GRID_DATA 0.125
    GK_QDOT_IQ2_DATA
    .byte   0, 4, 1, 5, 16, 20, 17, 21, 32, 36, 33, 37, 48, 52, 49, 53          // 256  the order of indices
    .byte   2, 6, 3, 7, 18, 22, 19, 23, 34, 38, 35, 39, 50, 54, 51, 55
    .byte   8, 12, 9, 13, 24, 28, 25, 29, 40, 44, 41, 45, 56, 60, 57, 61
    .byte   10, 14, 11, 15, 26, 30, 27, 31, 42, 46, 43, 47, 58, 62, 59, 63
    .byte   0, 7, 14, 21, 32, 39, 46, 53                                        // 320  where signs begin
    .balign 64
    // 384  bit i of byte n is set where weight i of row n is 43
    .quad   0x0400000302000100, 0x0402000000070605, 0x0000000d0b090804, 0x191511100a080000
    .quad   0x0201000404000000, 0x0201000c08080804, 0x1010120808060104, 0x2026202220201c18
    .quad   0x303120202a212020, 0x0808040004000000, 0x1408030004020008, 0x0208020404020010
    .quad   0x2820202020111005, 0x40434140302c2020, 0x4051504246494844, 0x5844404041404040
    .quad   0x0200000070686462, 0x0808040102000404, 0x1010080804040008, 0x0a08040200161112
    .quad   0x2020202020100401, 0x0200383029242220, 0x0c01000a08040200, 0x2020101003090818
    .quad   0x4640404032202422, 0x4140404054524040, 0x8089808381806148, 0x8080808080908082
    .quad   0xa194909288818084, 0x818c80848080b0a0, 0xa4a8808085809088, 0xe0e0c2d0c2c8c0c1
    // 640  the same for 25
    .quad   0x0006050000030000, 0x090c0c0a09000000, 0x141211000000000a, 0x0000000014121817
    .quad   0x2828282221242221, 0x3030302224222128, 0x2824213530393a30, 0x0900060003002222
    .quad   0x06001812000c0c0a, 0x4442484841444241, 0x42505c5c50505047, 0x746069636060604b
    .quad   0x4148444241666078, 0x0a0000004d505350, 0x2100001811000009, 0x243a39302e282422
    .quad   0x848482810a060000, 0x8281888e88888281, 0x8481939099909084, 0xa5a0a0a0a0888e88
    .quad   0x8b88848281a0b2b4, 0xc0c0848b90999c90, 0xd2d8d2c0c0c0c5c5, 0xc5c0eee1f0e4e4c5
    .quad   0x88888482c0d8cac5, 0xb4b4a3a088849f90, 0x12000900000088b2, 0x2827242221051814
    .quad   0x00282821363a3028, 0x5641484244420512, 0x50417d6a60604b50, 0x120c240011030c00

.macro SETUP
    GK_QDOT_GRID_SETUP
    mov     eax, 0x5555
    kmovd   k1, eax
    kaddd   k2, k1, k1
.endm

.macro SCALES pair, a, b
    vmovdqu32 zmm0 {k1}{z}, zmmword ptr [\a + 6]
    vmovdqu32 zmm0 {k2}, zmmword ptr [\b + 2]
    vpsrld  zmm0, zmm0, 28
    GK_QDOT_ODD32 \pair
.endm

.macro BITS a, b, v0, v1, v2, v3
    vmovdqu32 zmm0, zmmword ptr [\a + 2]
    vmovdqu32 zmm1 {k1}{z}, zmmword ptr [\a + 6]
    vmovdqu32 zmm0 {k2}, zmmword ptr [\b - 2]
    vmovdqu32 zmm1 {k2}, zmmword ptr [\b + 2]
    vmovdqa64 zmm7, zmmword ptr [DATA + 256]
    vpbroadcastq zmm2, qword ptr [DATA + 320]
    vpbroadcastq zmm3, qword ptr [DATA + 72]
    vpermb  zmm0, zmm7, zmm0                            // indices
    vpmultishiftqb zmm1, zmm2, zmm1
    vpermb  zmm1, zmm7, zmm1
    vgf2p8affineqb zmm1, zmm1, zmm3, 0                  // signs
    vpmovb2m k4, zmm0
    GK_QDOT_LOOK256 zmm2, 384
    GK_QDOT_LOOK256 zmm3, 640
    GK_QDOT_BITS8 \v0, \v1, \v2, \v3
.endm

.macro LEVELS to, v, side
    GK_QDOT_LEVELS8 \to, \v, \side
.endm

.macro HEAD d
    GK_QDOT_FACTORS 0
    GK_QDOT_SCALES32
.endm

.macro BLOCK d
    GK_QDOT_GRID32 \d, 66
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq2_xxs_4, 66, GROUPS

#endif
