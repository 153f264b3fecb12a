// gk_qdot_avx2_fifths.h -- what rows of Q5_0 and Q5_1 by a few rows of x have in common: codes of 5 bits.
//
//   Fifth bits of a group are in 4 bytes, before its 16 bytes of nibbles, low ones first.
//
//   The format has FIFTHS, where these constants are.
//
//   ymm9  fifth bits of groups     ymm10  bytes 16, 32, 64, 128     ymm14  bytes of 16     ymm15  fifteens

#ifdef __x86_64__

.macro CONSTANTS_FIFTHS
.irp byte, 0, 1, 2, 3
    .long   0x01010101*\byte, 0x01010101*\byte + 0x04040404, 0x01010101*\byte + 0x08080808, 0x01010101*\byte + 0x0c0c0c0c
.endr
    .long   0x80402010, 0x10101010, 0x0f0f0f0f                                          //  64
.endm

.macro SETUP
    vpbroadcastd ymm10, dword ptr [DATA + FIFTHS + 64]
    vpbroadcastd ymm14, dword ptr [DATA + FIFTHS + 68]
    vpbroadcastd ymm15, dword ptr [DATA + FIFTHS + 72]
.endm

.macro FOUR_FIFTHS to, at, step     // of four groups: each is loaded to where it stays
    vmovdqu \to, xmmword ptr [\at]
    vpblendd \to, \to, xmmword ptr [\at + (\step - 4)], 2
    vpblendd \to, \to, xmmword ptr [\at + (\step - 4)*2], 4
    vpblendd \to, \to, xmmword ptr [\at + (\step - 4)*3], 8
.endm

.macro FIFTH of, from               // plus 16 where one of four bits is set
    vpand   ymm7, \from, ymm10
    vpminub ymm7, ymm7, ymm14
    vpor    \of, \of, ymm7
.endm

.macro FIFTH_PAIR i, low, high      // of quads 2 i and 2 i + 1, by byte i
    vbroadcasti128 ymm6, xmmword ptr [DATA + FIFTHS + 16*\i]
    vpshufb ymm6, ymm9, ymm6
    vpsllw  ymm8, ymm6, 4
    FIFTH   \low, ymm8
    FIFTH   \high, ymm6
    vmovdqa ymmword ptr [r11 + 64*\i], \low
    vmovdqa ymmword ptr [r11 + 64*\i + 32], \high
.endm

.macro SPLIT of, high
    vpsrlw  \high, \of, 4
    vpand   \of, \of, ymm15
    vpand   \high, \high, ymm15
.endm

.macro CODES at, step               // of all, fifth bits of the first group at \at
    FOUR_FIFTHS xmm9, \at, \step
    FOUR_FIFTHS xmm8, \at + 4*\step, \step
    vinserti128 ymm9, ymm9, xmm8, 1
    GK_QDOT_HALF 0, \at + 4, \step
    GK_QDOT_FOUR
    SPLIT   ymm1, ymm2
    SPLIT   ymm4, ymm5
    FIFTH_PAIR 0, ymm1, ymm4
    FIFTH_PAIR 2, ymm2, ymm5
    SPLIT   ymm3, ymm2
    SPLIT   ymm0, ymm5
    FIFTH_PAIR 1, ymm3, ymm0
    FIFTH_PAIR 3, ymm2, ymm5
.endm

#endif
