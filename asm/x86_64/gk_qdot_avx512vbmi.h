// gk_qdot_avx512vbmi.h -- what rows of IQ codes by one row of x have in common.               AVX-512 VNNI, VBMI and GFNI
//
//   As gk_qdot_avx512vnni.h, but codes come from grids: an index stands for 8 weights, with a bit for the sign of each.
//
//   A grid is two planes, tables of a byte a row: bit i of the first is set where weight i has the highest of three levels,
//   of the second where it has the middle one. Indices of two rows of weights are looked up together. With the signs of a
//   of the first row and b of the second, eight bytes
//
//      sign a | sign b | first a | second a | sign a | sign b | first b | second b
//
//   are an 8 x 8 matrix of bits, and transposed hold in byte i all of weight i of both rows:
//
//      bit   7    6    5 first a    4 second a    3 sign a    2 sign b    1 first b    0 second b
//
//   The lower six bits are an index into a table of levels of a, and into one of levels of b; these are level + 64, in
//   1 .. 127, with digit 2 from -64 times its sum; for digits 1 and 0 it is taken off.
//
//   zmm14  bytes 1 << 0 .. 1 << 7      zmm15  bytes of 64
//   zmm24 .. zmm27  bits of weights 64h .. 64h + 63 of rows 0 and 1, h = 0 .. 3      zmm28 .. zmm31  of rows 2 and 3

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

// ---- lookups: \to = the byte at each index of zmm0 in tables at \at

.macro GK_QDOT_MASKS256 six, seven, both    // upper bits of indices
    vpmovb2m \seven, zmm0
    vptestmb \six, zmm0, zmm15
    kandq   \both, \six, \seven
.endm

.macro GK_QDOT_LOOK256 to, at, six, seven, both
    vpermb  \to, zmm0, zmmword ptr [DATA + \at]
    vpermb  \to {\six}, zmm0, zmmword ptr [DATA + \at + 64]
    vpermb  \to {\seven}, zmm0, zmmword ptr [DATA + \at + 128]
    vpermb  \to {\both}, zmm0, zmmword ptr [DATA + \at + 192]
.endm

// ---- from signs in zmm1, first and second planes in zmm2 and zmm3: bits of weights
//
//   byte 4h + t of quarter i: row t % 2, weights 64h + 16i + 8(t / 2) ..

.macro GK_QDOT_TRANSPOSE v0, v1, v2, v3
    vpunpcklbw zmm7, zmm2, zmm3
    vpunpckhbw zmm2, zmm2, zmm3
    vpunpcklwd zmm3, zmm1, zmm1
    vpunpckhwd zmm1, zmm1, zmm1
    vpunpcklwd \v0, zmm3, zmm7
    vpunpckhwd \v1, zmm3, zmm7
    vpunpcklwd \v2, zmm1, zmm2
    vpunpckhwd \v3, zmm1, zmm2
    vgf2p8affineqb \v0, zmm14, \v0, 0
    vgf2p8affineqb \v1, zmm14, \v1, 0
    vgf2p8affineqb \v2, zmm14, \v2, 0
    vgf2p8affineqb \v3, zmm14, \v3, 0
.endm

.macro GK_QDOT_IQ2_LEVELS           // 128 bytes: the table of a, the table of b
.irp    level, 8, -8, 25, -25, 43, -43, 43, -43
    .fill   8, 1, 64 + \level
.endr
.rept 8
.irp    level, 8, 25, 43, 43, -8, -25, -43, -43
    .byte   64 + \level
.endr
.endr
.endm

.macro GK_QDOT_SIDE d, v, side      // codes of the first or the second row
    vpermb  zmm7, \v, zmmword ptr [DATA + 128 + 64*\side]
.if \d == 3
    vpsubb  zmm1, zmm7, zmm15
.endif
.endm

// ---- the first 128 bytes of the constants of the format, w = d (2 s + 1) \factor grid; levels come next

.macro GK_QDOT_GRID_DATA factor
L(data):
    .long   0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2          //   0  scales of step 0 of the first row
    .byte   1, 2, 4, 8, 16, 32, 64, 128                             //  64
    .long   0x40404040, 1, 4                                        //  72
    .float  \factor                                                 //  84
    .byte   127, 64, 32, 16, 8, 4, 2, 1                             //  88  bit 7 becomes the parity of the others
    .balign 64
.endm

// ---- groups of 32, two rows a vector; SCALES \a, \b, \room, \at of the format makes those of the blocks at \a and \b
//
//   zmm12, zmm13  scales times those of x, in lane 2g + i group g of row i, of rows 0 and 1, 2 and 3; room: 448 .. 607
//   zmm16 .. 19   groups 2h | 2h + 1 of the first row, h = 0 .. 3                zmm20 .. 23  of the second

.macro GK_QDOT_GRID32_SETUP
    vpbroadcastq zmm14, qword ptr [DATA + 64]
    vpbroadcastd zmm15, dword ptr [DATA + 72]
    vpbroadcastd zmm0, dword ptr [DATA + 76]
    vpbroadcastd zmm1, dword ptr [DATA + 80]
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpaddd  zmm17, zmm16, zmm1
    vpaddd  zmm18, zmm17, zmm1
    vpaddd  zmm19, zmm18, zmm1
    vpaddd  zmm20, zmm16, zmm0
    vpaddd  zmm21, zmm17, zmm0
    vpaddd  zmm22, zmm18, zmm0
    vpaddd  zmm23, zmm19, zmm0
.endm

.macro GK_QDOT_FACTORS at           // of the f16 d at \at of each row: times the factor, and twice that, at 576 and 592
    vmovd   xmm0, dword ptr [N0 + \at]
    vpinsrw xmm0, xmm0, word ptr [N1 + \at], 1
    vpinsrw xmm0, xmm0, word ptr [N2 + \at], 2
    vpinsrw xmm0, xmm0, word ptr [N3 + \at], 3
    vcvtph2ps xmm0, xmm0
    vmulps  xmm0, xmm0, dword ptr [DATA + 84]{1to4}
    vaddps  xmm1, xmm0, xmm0
    vmovaps xmmword ptr [rdi + 576], xmm0
    vmovaps xmmword ptr [rdi + 592], xmm1
.endm

.macro GK_QDOT_ODD32 d, pair        // scales of s in zmm0
    vcvtdq2ps zmm0, zmm0
    vbroadcastsd zmm1, qword ptr [rdi + 576 + 8*\pair]
    vbroadcastsd zmm2, qword ptr [rdi + 592 + 8*\pair]
    vfmadd213ps zmm0, zmm2, zmm1                        // exact
    vmulps  zmm0, zmm0, zmmword ptr [r11 + 256*\d + 512]
    vmovaps zmmword ptr [rdi + 448 + 64*\pair], zmm0
.endm

.macro GK_QDOT_GRID32_HEAD d, at
    GK_QDOT_FACTORS \at
    SCALES  \d, 0, N0, N1
    SCALES  \d, 1, N2, N3
.endm

.macro GK_QDOT_GRID32_STEP d, h, v01, v23, first, second
    GK_QDOT_DIGITS \d, \h
    GK_QDOT_START \d, \h, 1
    GK_QDOT_SIGNED \d, \v01, 0, \first,  zmm12, zmm7, zmm8
    GK_QDOT_SIGNED \d, \v01, 1, \second, zmm12, zmm7, zmm9
    GK_QDOT_SIGNED \d, \v23, 0, \first,  zmm13, zmm7, zmm10
    GK_QDOT_SIGNED \d, \v23, 1, \second, zmm13, zmm7, zmm11
.endm

.macro GK_QDOT_GRID32 d, bytes      // the block
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 512]
    GK_QDOT_AHEAD \bytes
    HEAD    \d
    BITS    W0, W1, zmm24, zmm25, zmm26, zmm27
    BITS    W2, W3, zmm28, zmm29, zmm30, zmm31
    GK_QDOT_GRID32_STEP \d, 0, zmm24, zmm28, zmm16, zmm20
    GK_QDOT_GRID32_STEP \d, 1, zmm25, zmm29, zmm17, zmm21
    GK_QDOT_GRID32_STEP \d, 2, zmm26, zmm30, zmm18, zmm22
    GK_QDOT_GRID32_STEP \d, 3, zmm27, zmm31, zmm19, zmm23
.endm

#endif
