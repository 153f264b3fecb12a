// gk_qdot_avx512vbmi_iq3_s_4 -- rows of IQ3_S by a few rows of x.                          AVX-512 VNNI, VBMI and GFNI
//
//   A block is 110 bytes: f16 d; 64 lower bytes of indices, for 4 weights each; their ninth bits; 256 signs; eight s of 4
//   bits. w = +-d (2 s + 1) grid.
//
//   256 of four rows: 265 micro-operations of vectors for three digits, 221 for one. On Ice Lake 174 cycles.
//
// mca: icelake-server 1*174 2

#include "gk_qdot_avx512vbmi.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq3_s_data
    GK_QDOT_GRID_DATA 1
    GK_QDOT_IQ3_DATA 1, 3, 5, 7, 9, 11, 13, 15
    .byte   58, 59, 60, 61, 10, 11, 12, 13, 26, 27, 28, 29, 42, 43, 44, 45      // 320  ninth bits of indices to bit 6
    .byte   62, 63, 0, 1, 14, 15, 16, 17, 30, 31, 32, 33, 46, 47, 48, 49
    .byte   2, 3, 4, 5, 18, 19, 20, 21, 34, 35, 36, 37, 50, 51, 52, 53
    .byte   6, 7, 8, 9, 22, 23, 24, 25, 38, 39, 40, 41, 54, 55, 56, 57
    .long   0, 0, 4, 4, 8, 8, 12, 12, 16, 16, 20, 20, 24, 24, 28, 28            // 384  places of s
    // 448  bit i of byte n is bit 2, bit 4 + i is bit 1 of what weight i of row n has for its level
    .quad   0x1000001101100000, 0x1202302120201101, 0x2322322212021303, 0x0100000110000033
    .quad   0x2322032120313020, 0x5150405141404032, 0x4253435261606160, 0x7060414050726252
    .quad   0x6273524243717060, 0x0634252415140463, 0x3534240514260616, 0x4455363717070634
    .quad   0x6445544466566454, 0x1000004746747574, 0x3020110110000001, 0x0032221303312120
    .quad   0x3020200100111000, 0x4150403322120202, 0x6243524270616051, 0x7160504051414072
    .quad   0x1405146272426160, 0x0407061716342405, 0x6564063424241404, 0x6454445444574775
    .quad   0x8190808066764665, 0xb1b0a09181908091, 0xb39282839282b0a0, 0x9190809080a3b2a2
    .quad   0xc1c08292a1a0a1b0, 0xd3d2c2f1e0f0e0d1, 0xe1f0c0c1d0c0e3e2, 0xa49584f3c2d2f0e0
    .quad   0x8485a7b686a5b4b4, 0xd5d4c4a69686b5b4, 0xd6e4f5c4c5e6c7e4, 0xa0b09181908090c6
    .quad   0xa2b282938392a1b0, 0xa282b0a081819080, 0xc2e1f0e0d0c0b3b2, 0xc2e0f1f0e0c1c0c0
    .quad   0xb4958494f2c3d3d2, 0xa5948484a7a696a4, 0xd4c4c6d5b69787b4, 0x2928180908e5f4e4
    .quad   0x0819182a0a0a3839, 0x480b0a1a29283818, 0x7a5b4a7868494858, 0x696878685848496a
    .quad   0x1d0d2e0e3d2d1c0c, 0x6c4d4c6e6d5c3e2c, 0x0b0a380908184e5e, 0x180918082b3b1a1b
    .quad   0x79687848483a3828, 0x6b4a4b794859585a, 0x3d1c1f3c2c0d0c7a, 0x98887c4d5c5e1e0e
    .quad   0xabb9a888aab8a889, 0xc9c8eafacbdae9d8, 0xad9c8cbe9eadcae8, 0x998988dccccecdae
    .quad   0x8898ba8b8ab9b8a8, 0xe8d9c8c9c88b9aa9, 0x8d8cdae9f8d8cae8, 0xccecdc9ebc8eac9c
    // 960  bits i and 4 + i: its bit 0
    .quad   0x2233221111001100, 0x0000331111002222, 0x2233000033331111, 0x7777664444554433
    .quad   0x5555447777555544, 0x2233221111110066, 0x3311110022221111, 0x4444777755332233
    .quad   0x7755666644667777, 0x0022001133330077, 0x4444444444223311, 0x3300774455555577
    .quad   0x4444444433223333, 0x8899886666774444, 0x8888bbbbbbbbaa88, 0xccaa99aaaaaaaabb
    .quad   0xffeeddeeeeccdddd, 0xbbaa88eeeeeeeedd, 0x88bb9988aa8888bb, 0xddddffeeddccddaa
    .quad   0xaa9999eeccddeeee, 0xddaaaa8888bbbbaa, 0x8888ffeeeeddffee, 0xddeeeedddd888899
    .quad   0x11111100eeccddff, 0x1111112222222211, 0x1122221111112222, 0x7777664444333322
    .quad   0x0011774466775544, 0x3333113322111111, 0x4444775544442233, 0x0011114466447777
    .quad   0x7744332211332211, 0x1100006677447744, 0x5566447755113311, 0xbb88bbbbbbbb8866
    .quad   0xbb99bb998888bbbb, 0xccccddddeedddddd, 0xaaaaaa88aa88eeee, 0xddeeddddddeeeedd
    .quad   0x88aabb99ffffdddd, 0xddeeeedd8888aabb, 0xdddd99aaffeeccee, 0x0000220000ffcccc
    .quad   0x7755442222112211, 0x1177775577664477, 0x0033003311332211, 0x7777444477774422
    .quad   0x5555330033000000, 0x6677660022334455, 0x888888aaaa887755, 0xeeddddddaa88aa99
    .quad   0xaaaa99bb88eeeedd, 0xddffccddeeddccbb, 0xccee88aa888899ff, 0x3333cccccc88ffff
    .quad   0x4455444400333333, 0x6644220033002222, 0x6655440011114455, 0x9988887777001144
    .quad   0xffcc88aa88aa8888, 0x99aaaa8899ddddcc, 0x9999ffffeeccbbaa, 0xccbb88ccccaa88bb

.macro SETUP
    GK_QDOT_IQ3_SETUP
.endm

.macro SCALES pair, a, b
    vpbroadcastd zmm0, dword ptr [\a + 106]
    vpbroadcastd zmm0 {k2}, dword ptr [\b + 106]
    vpsrlvd zmm0, zmm0, zmmword ptr [DATA + 384]
    vpandd  zmm0, zmm0, dword ptr [DATA + 100]{1to16}
    GK_QDOT_ODD32 \pair
.endm

.macro PLANES at, f, t
    vmovdqa64 zmm7, zmmword ptr [DATA + 192]
    vmovdqa64 zmm1, zmmword ptr [DATA + 320]
    vpermd  zmm0, zmm7, zmmword ptr [\at + 2]           // indices
    vpmultishiftqb zmm1, zmm1, qword ptr [\at + 66]{1to8}
    vptestmb k6, zmm1, zmm25
    GK_QDOT_LOWER_BITS
    GK_QDOT_LOOK512 \f, 448
    GK_QDOT_LOOK512 \t, 960
    vmovdqu ymm1, ymmword ptr [\at + 74]                // signs
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
    GK_QDOT_GRID32 \d, 110
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq3_s_4, 110, GROUPS

#endif
