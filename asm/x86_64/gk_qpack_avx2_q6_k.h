// gk_qpack_avx2_q6_k.h -- strips of Q6_K by a few rows of x, with AVX-VNNI or without.
//
//   A strip, for each 256 of k: f16 d[8]; four times, for four groups of 16, 416 bytes: int8 sc[4][8]; three quads of each
//   group, of bytes a, b, c of codes q0 .. q3. w = d sc (q - 32).
//
//       a  q0     | q3 >> 4 << 6                       where c has bits of q3, they are of the next byte of four
//       b  q1 * 4 | q3 >> 2 & 3
//       c  q2     | (q3 & 3) << 6
//
//   x, for a group: float d; int32 -32 sum X
//
//   ymm10  d     ymm11  which byte of four is before     ymm12  3     ymm13  12     ymm14  63

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 16, 416, GK_QPACK_MASKS, GK_QPACK_D, , GK_QPACK_TIMES_D

.macro CONSTANTS
    .byte   3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14        //   0
    .byte   3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14
    .fill   32, 1, 3                                                    //  32
    .fill   32, 1, 12                                                   //  64
    .fill   32, 1, 63                                                   //  96
    .fill   32, 1, 48                                                   // 128
.endm

.macro STEP d
.irp g, 0, 1, 2, 3
    vmovdqu ymm3, ymmword ptr [rsi + 32 + 96*\g]        // a, b, c
    vmovdqu ymm4, ymmword ptr [rsi + 64 + 96*\g]
    vmovdqu ymm6, ymmword ptr [rsi + 96 + 96*\g]
    vpslld  ymm7, ymm4, 2
    vpsrlw  ymm8, ymm3, 2
    vpshufb ymm9, ymm6, ymm11
    vpand   ymm7, ymm7, ymm13
    vpand   ymm8, ymm8, ymmword ptr [DATA + 128]
    vpsrlw  ymm9, ymm9, 6
    vpor    ymm7, ymm7, ymm8
    vpand   ymm9, ymm9, ymm12
    vpsrlw  ymm4, ymm4, 2
    vpand   ymm3, ymm3, ymm14
    vpand   ymm4, ymm4, ymm14
    GK_QPACK_DOT \d, ymm3, 16*\g, 1
    GK_QPACK_DOT \d, ymm4, 16*\g + 4
    vpor    ymm7, ymm7, ymm9
    vpand   ymm6, ymm6, ymm14
.if \d == 3
    GK_QPACK_DOT \d, ymm6, 16*\g + 8
    GK_QPACK_DOT \d, ymm7, 16*\g + 12
    GK_QPACK_JOIN \d
.else
    GK_QPACK_JOIN \d
    vmovdqa ymm9, ymm0
    GK_QPACK_DOT \d, ymm6, 16*\g + 8, 1
    GK_QPACK_DOT \d, ymm7, 16*\g + 12
    GK_QPACK_JOIN \d
    vpaddd  ymm0, ymm0, ymm9
.endif
    GK_QPACK_GROUP_OF_16 64*\d + 8*\g, 8*\g
.endr
.endm

#endif
