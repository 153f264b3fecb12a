// gk_qdot_avx512vnni_q5_k_4 -- rows of Q5_K by one row of x.                                     AVX-512 F, BW, DQ, VNNI
//
//   A block is 176 bytes: f16 d, dmin; sc[8] and mn[8] of 6 bits in 12 bytes; 32 bytes of fifth bits, bit g for group g;
//   128 bytes of nibbles, 32 of them the low halves of a group and the high halves of the next. w = d sc q - dmin mn
//   = s (q - z) + rest, z = round(dmin mn / d sc) in 0 .. 31: rest and s (q - z) are 0 wherever w is.
//
//   zmm24  fifteens       zmm25  shifts 0 | 4       zmm29, zmm30  d, dmin for two rows
//
//   A block of four rows: 14 micro-operations of vectors a step of 64 codes for three digits and 10 for one, and 31 for two
//   rows of scales, 9 besides: 295 and 231.

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_q5_k_data
    GK_QDOT_PAIRS_DATA
    GK_QDOT_6BIT_DATA 31.0
    .byte   16, 16, 16, 16                                          // 528
    .balign 64
    .long   4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 3          // 576  rotations of fifth bits to their places
    .long   2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1
    .long   0, 0, 0, 0, 0, 0, 0, 0, 31, 31, 31, 31, 31, 31, 31, 31
    .long   30, 30, 30, 30, 30, 30, 30, 30, 29, 29, 29, 29, 29, 29, 29, 29

.macro SETUP
    GK_QDOT_PAIRS_SETUP
    GK_QDOT_6BIT_SETUP
.endm

.macro SCALES a, b, room
    GK_QDOT_6BIT_SCALES \a, \b, \room
.endm

.macro CODES d, h, at
    vbroadcasti32x8 zmm1, ymmword ptr [\at + 16]
    vbroadcasti32x8 zmm7, ymmword ptr [\at + 48 + 32*\h]
    vpsrlvw zmm7, zmm7, zmm25
    vprolvd zmm1, zmm1, zmmword ptr [DATA + 576 + 64*\h]
    vpandd  zmm7, zmm7, zmm24
    vpternlogd zmm7, zmm1, dword ptr [DATA + 528]{1to16}, 0xf8      // q = low | high & 16
.endm

.macro HEAD d
    GK_QDOT_PAIRS_HEAD \d
.endm

.macro BLOCK d
    GK_QDOT_PAIRS_UNSIGNED \d, 176
.endm

GK_QDOT_FUNC gk_qdot_avx512vnni_q5_k_4, 176

#endif
