// gk_qdot_avx512vnni_tq1_0_4 -- rows of TQ1_0 by a few rows of x.                             AVX-512 F, VL, BW, DQ, VNNI
//
//   A block is 54 bytes: 32, whose digit n is code 32 n + i; 16, whose digit n is code 160 + 16 n + i; 4, whose digit
//   n, 0 .. 3, is code 240 + 4 n + i; f16 d. w = d (digit - 1), digit n of byte b = 3 (3^n b mod 256) / 256.
//
//   A byte, in a word of its own, times 256 3^n is its remainder above 8 zeros; the upper word of three times this is
//   the digit. The other bytes of words are above zeros, and times 3^n.
//
//   zmm24  threes, words     zmm25  0xff00, words     k1  the second row     k2  the upper half     k3  the last quarter
//
//   256 of four rows: 230 micro-operations of vectors for three digits, 186 for one. On Ice Lake 120 cycles.
//
// mca: icelake-server 1*120 2

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

.macro POWERS one                   // of 3, of the four steps
    .fill   16, 2, \one             // digits 0 and 1 of 32
    .fill   16, 2, 3*\one
    .fill   16, 2, 9*\one           // 2 and 3
    .fill   16, 2, 27*\one
    .fill   16, 2, 81*\one          // 4; 0 and 1 of 16
    .fill   8, 2, \one
    .fill   8, 2, 3*\one
    .fill   8, 2, 9*\one            // 2, 3 and 4; 0 .. 3 of 4
    .fill   8, 2, 27*\one
    .fill   8, 2, 81*\one
    .fill   2, 2, \one
    .fill   2, 2, 3*\one
    .fill   2, 2, 9*\one
    .fill   2, 2, 27*\one
.endm

GK_CONST gk_qdot_avx512vnni_tq1_0_data
L(data):
    POWERS  256                                                     //   0
    POWERS  1                                                       // 256
    .long   0x00030003, 0xff00ff00                      // 512

.macro SETUP
    vpbroadcastd zmm24, dword ptr [DATA + 512]
    vpbroadcastd zmm25, dword ptr [DATA + 516]
    mov     eax, 0xff00
    kmovd   k1, eax
    kmovd   k2, eax
    mov     eax, 0xf000
    kmovd   k3, eax
.endm

.macro SCALES a, b, room
    vpbroadcastw ymm0, word ptr [\a + 52]
    vpbroadcastw ymm0 {k1}, word ptr [\b + 52]
    GK_QDOT_HALF_SCALES \room
.endm

.macro STEP h, at, to
.if \h < 3
    vbroadcasti32x8 zmm\to, ymmword ptr [\at]
.if \h == 2
    vbroadcasti32x4 zmm\to {k2}, xmmword ptr [\at + 32]
.endif
.else
    vbroadcasti32x4 zmm\to, xmmword ptr [\at + 32]
    vpbroadcastd zmm\to {k3}, dword ptr [\at + 48]
.endif
    vpandd  zmm0, zmm\to, zmm25
    vpmullw zmm\to, zmm\to, zmmword ptr [DATA + 64*\h]
    vpmullw zmm0, zmm0, zmmword ptr [DATA + 256 + 64*\h]
    vpmulhuw zmm\to, zmm\to, zmm24
    vpmulhuw zmm0, zmm0, zmm24
    vpsllw  zmm0, zmm0, 8
    vpord   zmm\to, zmm\to, zmm0
.endm

.macro CODES at
    GK_QDOT_NATURAL \at
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS SIGNED, \d, 54, 0
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_tq1_0_4, 54, GROUPS

#endif
