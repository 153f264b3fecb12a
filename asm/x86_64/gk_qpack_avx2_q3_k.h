// gk_qpack_avx2_q3_k.h -- strips of Q3_K by a few rows of x, with AVX-VNNI or without.
//
//   A strip, for each 256 of k: f16 d[8]; four times, for four groups of 16, 224 bytes: int8 sc[4][8]; quads of bytes a to f,
//   in which u and v are too. w = d sc (q - 4).
//
//       a, b, c, d   code t of group 0 | code t of group 1 << 3, t = 0, 1, 2, 3; above these bits 6-7, 4-5, 2-3, 0-1 of u
//       e, f, u, v   the same of groups 2 and 3; above those of e and f bits 2-3 and 0-1 of v, of u bits 4-5
//
//   x, for a group: float d; int32 -4 sum X
//
//   ymm9  u     ymm11  3     ymm12  12     ymm13  48     ymm14  7     room: d

#include "gk_qpack_avx2.h"
#ifdef __x86_64__

#define FORMAT 16, 224, GK_QPACK_MASKS, HEAD, , FOLD

.macro CONSTANTS
    .fill   32, 1, 3                                                    //   0
    .fill   32, 1, 12                                                   //  32
    .fill   32, 1, 48                                                   //  64
    .fill   32, 1, 7                                                    //  96
    .fill   32, 1, 192                                                  // 128
.endm

.macro HEAD
    vcvtph2ps ymm0, xmmword ptr [rsi]
    vmovaps ymmword ptr [rdi + 128], ymm0
.endm

.macro FOLD
    vmulps  ymm15, ymm15, ymmword ptr [rdi + 128]
.endm

.macro UPPER to, quad, right, mask  // \to |= bits of quad \quad
    vpsrlw  ymm5, \quad, \right
    vpand   ymm5, ymm5, \mask
    vpor    \to, \to, ymm5
.endm

.macro LOW d, quad, at, first=0
    vpand   ymm3, \quad, ymm14
    GK_QPACK_DOT \d, ymm3, \at, \first
.endm

.macro HIGH d, quad, at, first=0
    vpsrlw  ymm3, \quad, 3
    vpand   ymm3, ymm3, ymm14
    GK_QPACK_DOT \d, ymm3, \at, \first
.endm

.macro GROUPS d, g, a, b, c, e      // \g and the next, of four quads
    LOW     \d, \a, 16*\g, 1
    LOW     \d, \b, 16*\g + 4
    LOW     \d, \c, 16*\g + 8
    LOW     \d, \e, 16*\g + 12
    GK_QPACK_JOIN \d
    GK_QPACK_GROUP_OF_16 64*\d + 8*\g, 8*\g
    HIGH    \d, \a, 16*\g + 16, 1
    HIGH    \d, \b, 16*\g + 20
    HIGH    \d, \c, 16*\g + 24
    HIGH    \d, \e, 16*\g + 28
    GK_QPACK_JOIN \d
    GK_QPACK_GROUP_OF_16 64*\d + 8*\g + 8, 8*\g + 8
.endm

.macro STEP d
    vmovdqu ymm4, ymmword ptr [rsi + 32]
    vmovdqu ymm7, ymmword ptr [rsi + 64]
    vmovdqu ymm8, ymmword ptr [rsi + 96]
    vpand   ymm9, ymm4, ymmword ptr [DATA + 128]
    vmovdqu ymm10, ymmword ptr [rsi + 128]
    UPPER   ymm9, ymm7, 2, ymm13
    UPPER   ymm9, ymm8, 4, ymm12
    UPPER   ymm9, ymm10, 6, ymm11
    GROUPS  \d, 0, ymm4, ymm7, ymm8, ymm10
    vmovdqu ymm4, ymmword ptr [rsi + 160]
    vmovdqu ymm7, ymmword ptr [rsi + 192]
    vpsrlw  ymm8, ymm9, 2
    vpand   ymm8, ymm8, ymm13
    UPPER   ymm8, ymm4, 4, ymm12
    UPPER   ymm8, ymm7, 6, ymm11
    GROUPS  \d, 2, ymm4, ymm7, ymm9, ymm8
.endm

#endif
