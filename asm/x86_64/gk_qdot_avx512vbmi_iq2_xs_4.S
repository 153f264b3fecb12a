// gk_qdot_avx512vbmi_iq2_xs_4 -- rows of IQ2_XS by a few rows of x.                        AVX-512 VNNI, VBMI and GFNI
//
//   A block is 74 bytes: f16 d; 32 words, an index of 9 bits and 7 signs for 8 weights; 16 s of 4 bits, for 16 weights each.
//   w = +-d (2 s + 1) / 8 grid. The sign of the last of 8 weights makes the number of minus signs even.
//
//   k2  odd bytes; what a mask leaves out is not read
//
//   256 of four rows: 204 micro-operations of vectors for three digits, 160 for one. On Ice Lake 135 cycles.
//
// mca: icelake-server 1*135 2

#include "gk_qdot_avx512vbmi.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vbmi_iq2_xs_data
    GK_QDOT_GRID_DATA 0.125
    GK_QDOT_IQ2_DATA
    GK_QDOT_NIBBLES_DATA
    .long   0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15                // 320  the order of words, by pairs
    .fill   64, 1, 1                                                            // 384
    .byte   254, 128, 64, 32, 16, 8, 4, 2                                       // 448  bits 7 .. 1 and their parity
    .balign 64
    // 512  bit i of byte n is set where weight i of row n is 43
    .quad   0x0100000302000100, 0x0100000604050402, 0x0804040200010002, 0x000c0a08080a0809
    .quad   0x0302000100020100, 0x0000020001000404, 0x1011100808080604, 0x1010101014101012
    .quad   0x0100020100001b18, 0x0200010004040200, 0x0008080804010000, 0x0000040000020001
    .quad   0x1015101010080400, 0x2023222021201811, 0x2822202020242420, 0x2a28202020202f2c
    .quad   0x0100003c39363430, 0x0004040200010002, 0x0807040000020001, 0x0000020001000808
    .quad   0x1009080800000004, 0x0001001410101110, 0x0002000004000002, 0x1010000000000804
    .quad   0x2920202120202012, 0x4041403e30252020, 0x4040404440404342, 0x4442404040404c48
    .quad   0x464040405e585550, 0x5d53504a41404040, 0x666d6a6064636260, 0x00007b7a79747268
    .quad   0x0404020001000201, 0x0400000302000100, 0x0200010008080804, 0x0808000000040000
    .quad   0x001016111010100d, 0x0004020000020001, 0x0400000008080000, 0x2020101013100b00
    .quad   0x2020202520202020, 0x0002000100302620, 0x0008000000060400, 0x1f10100100000000
    .quad   0x0c08040004000000, 0x201c16140a080200, 0x382120232a202020, 0x4e49454040404040
    .quad   0x4040414059535440, 0x7570716467604c40, 0x8784808082808180, 0x808f8e8988808080
    .quad   0x9490828080808180, 0x818080809e9c9998, 0x928c80808a848080, 0xaea9a8a3a4a2a097
    .quad   0x8080beb9bab8b5a1, 0x9184858088818080, 0x888682808080809a, 0xc0b4b0a2ada09089
    .quad   0xc2c0ccc7c4c3c2c1, 0xc0dcd8d7d2d1d0cd, 0xece6e5e4e3dad4c8, 0xfff8f7f6e9e8e0ee
    // 1024  the same for 25
    .quad   0x0606050000030000, 0x0a0a090003000005, 0x000a090c0f0c0c09, 0x1100050605000300
    .quad   0x1414171414111212, 0x1e1d181b18181211, 0x0300001412111818, 0x0f0c0a0900060500
    .quad   0x2424212222210000, 0x282b282822212427, 0x30242221282e2e2d, 0x3a39303635303330
    .quad   0x282224222130393c, 0x0500000300002228, 0x000c0c0a09030006, 0x1111181412110000
    .quad   0x4242410006000000, 0x4842414447444441, 0x4148484e4d484b48, 0x5655505350504442
    .quad   0x415656505c5a5950, 0x6360604848444242, 0x6c696a6960666560, 0x666078747271606a
    .quad   0x424e484444424169, 0x030000414d5a5350, 0x0c0a090006050000, 0x1b18181412110000
    .quad   0x2124222100000000, 0x222421353c393028, 0x1800000f00000000, 0x8281000000000014
    .quad   0x8281848784848182, 0x888e8d88888b8888, 0x909390908482818b, 0x93909c9a99909695
    .quad   0xa088818484828190, 0xa9a0a5a6a5a0a3a0, 0xb2b4b2b1a6a0acaa, 0x8281acaaa0a0b4b8
    .quad   0x9a9590888e8b8884, 0xc5c0c3c0c082999c, 0xd1c0cccac9c0c0c6, 0xc0cac0d8d8d7d4d2
    .quad   0xe1e1e8e8e1e4e2e1, 0xc0e1e8e1f0f0f0f0, 0xc3d8d8d4c5ccc9c6, 0x8182888e88848281
    .quad   0xb8b4a6a084888290, 0x888e82938881b2bb, 0x0000060500030000, 0x11000000000c0a09
    .quad   0x00001d1d18141212, 0x2424222100000000, 0x24333a3021282827, 0x0000000c03000028
    .quad   0x4241000600000012, 0x4e5a5050424e4844, 0x74716c6c6a636041, 0x00484759424d6974
    .quad   0x1d1d000000000000, 0x2800000000000012, 0x0000000000242b27, 0x0005000012121200

.macro SETUP
    GK_QDOT_GRID_SETUP
    mov     rax, 0xaaaaaaaaaaaaaaaa
    kmovq   k2, rax
.endm

.macro SCALES r, at
    GK_QDOT_ODD16 \r, \at + 66, 256, 100
.endm

.macro BITS a, b, v0, v1, v2, v3
    vmovdqu8 zmm0, zmmword ptr [\a + 2]
    vmovdqu8 zmm1, zmmword ptr [\a + 3]
    vmovdqu8 zmm0 {k2}, zmmword ptr [\b + 1]
    vmovdqu8 zmm1 {k2}, zmmword ptr [\b + 2]
    vmovdqa64 zmm7, zmmword ptr [DATA + 320]
    vpbroadcastq zmm2, qword ptr [DATA + 448]
    vpermd  zmm0, zmm7, zmm0                            // lower bytes
    vpermd  zmm1, zmm7, zmm1                            // upper ones
    vptestmb k6, zmm1, zmmword ptr [DATA + 384]
    vgf2p8affineqb zmm1, zmm1, zmm2, 0                  // signs
    GK_QDOT_LOWER_BITS
    GK_QDOT_LOOK512 zmm2, 512
    GK_QDOT_LOOK512 zmm3, 1024
    GK_QDOT_BITS8 \v0, \v1, \v2, \v3
.endm

.macro LEVELS to, v, side
    GK_QDOT_LEVELS8 \to, \v, \side
.endm

.macro HEAD d
    GK_QDOT_FACTORS 0
    GK_QDOT_SCALES16
.endm

.macro BLOCK d
    GK_QDOT_GRID16 \d, 74
.endm

GK_QDOT_FUNC gk_qdot_avx512vbmi_iq2_xs_4, 74, LANES

#endif
