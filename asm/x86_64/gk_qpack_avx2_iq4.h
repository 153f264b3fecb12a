// gk_qpack_avx2_iq4.h -- what strips of IQ4_NL and IQ4_XS by a few rows of x have in common: 16 levels.
//
//   Nibbles are those of Q4_0. Three digits are to base 64. x, for a group: float d; int32 -128 sum X, for levels + 128.
//
//   ymm11  levels     ymm12  levels + 128     ymm14  fifteens
//
//   Sums of 16 bits: of three digits, which are 32 at most, two pairs of products are at most 2 . 2 . 241 . 32 = 30848. Of one,
//   |level| is multiplied with x by the sign of the level: 2 . 127 . 127, and no offset is to be taken.

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

.macro CONSTANTS
    .fill   16, 2, 4096                                                                 //   0  digits
    .fill   16, 2, 64                                                                   //  32
    .fill   16, 2, 1                                                                    //  64
    .byte   -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113    //  96
    .byte   1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241     // 112
    .fill   32, 1, 15                                                                   // 128
.endm

.macro SETUP
    vbroadcasti128 ymm11, xmmword ptr [DATA + 96]
    vbroadcasti128 ymm12, xmmword ptr [DATA + 112]
    vmovdqa ymm14, ymmword ptr [DATA + 128]
.endm

.macro LEVELS codes, table          // ymm3, ymm4 = those of low and high nibbles
    vmovdqu ymm4, ymmword ptr [rsi + \codes]
    vpand   ymm3, ymm4, ymm14
    vpsrlw  ymm4, ymm4, 4
    vpshufb ymm3, \table, ymm3
    vpand   ymm4, ymm4, ymm14
    vpshufb ymm4, \table, ymm4
.endm

.macro ADD_UP products, first, digit   // to ymm0
.if \first
    vpmaddwd ymm0, \products, ymmword ptr [DATA + 32*\digit]
.else
    vpmaddwd \products, \products, ymmword ptr [DATA + 32*\digit]
    vpaddd  ymm0, ymm0, \products
.endif
.endm

.macro BY digit, at, first=0
    vpbroadcastd ymm5, dword ptr [rax + 64*\digit + \at]
    vpbroadcastd ymm6, dword ptr [rax + 64*\digit + \at + 16]
    vpmaddubsw ymm5, ymm3, ymm5
    vpmaddubsw ymm6, ymm4, ymm6
    vpaddw  ymm5, ymm5, ymm6
    ADD_UP  ymm5, \first, \digit
.endm

.macro BY_SIGNS codes, at, first=0
    vpbroadcastd ymm5, dword ptr [rax + \at]
    vpsignb ymm5, ymm5, \codes
    vpabsb  \codes, \codes
    vpmaddubsw ymm5, \codes, ymm5
    ADD_UP  ymm5, \first, 2
.endm

.macro QUADS d, codes, at, first=0
.if \d == 3
    LEVELS  \codes, ymm12
    BY      0, \at, \first
    BY      1, \at
    BY      2, \at
.else
    LEVELS  \codes, ymm11
    BY_SIGNS ymm3, \at, \first
    BY_SIGNS ymm4, \at + 16
.endif
.endm

.macro GROUP d, codes, at, group    // ymm0 = the sums of a group of 32; its scales are to come
    QUADS   \d, \codes, \at, 1
    QUADS   \d, \codes + 32, \at + 4
    QUADS   \d, \codes + 64, \at + 8
    QUADS   \d, \codes + 96, \at + 12
.if \d == 3
    GK_QPACK_START \group
.endif
.endm

#endif
