// gk_qdot_avx512vbmi.h -- what rows of IQ codes by one row of x have in common.               AVX-512 VNNI, VBMI and GFNI
//
//   As gk_qdot_avx512vnni.h, but codes come from grids: an index stands for 8 or 4 weights, with a bit for the sign of each.
//
//   A grid is planes of bits, one for each bit of a digit. Its tables are searched for 64 indices at a time. What they give
//   for 8 weights of one row of W, a, and of another, b, makes an 8 x 8 matrix of bits, a byte for each plane and for the
//   signs; transposed it holds in byte i all of weight i of both:
//
//      bit                    7        6         5         4         3         2         1         0
//      rows of 8 weights      sign a   sign b    first a   second a  sign a    sign b    first b   second b
//      rows of 4 weights      first a  second a  third a   sign a    first b   second b  third b   sign b
//
//   Its lower six bits are an index into a table of levels of a, and into one of levels of b; or its lower four, and its
//   upper when shifted. Levels are plus 64, in 1 .. 127, and digit 2 begins at -64 times its sum; for digits 1 and 0 the
//   64 are taken off.
//
//   zmm14  bytes 1 << 0 .. 1 << 7      zmm15  bytes of 64
//   zmm24 .. zmm27  bits of weights 64h .. 64h + 63 of rows 0 and 1, h = 0 .. 3      zmm28 .. zmm31  of rows 2 and 3

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

// ---- lookups: \to = the byte at each index of zmm0 in a table at \at

.macro GK_QDOT_INDICES              // k3, k4, k5: bit 6, bit 7, both
    vpmovb2m k4, zmm0
    vptestmb k3, zmm0, zmm15
    kandq   k5, k3, k4
.endm

.macro GK_QDOT_LOOK256 to, at
    vpermb  \to, zmm0, zmmword ptr [DATA + \at]
    vpermb  \to {k3}, zmm0, zmmword ptr [DATA + \at + 64]
    vpermb  \to {k4}, zmm0, zmmword ptr [DATA + \at + 128]
    vpermb  \to {k5}, zmm0, zmmword ptr [DATA + \at + 192]
.endm

.macro GK_QDOT_LOOK512 to, at       // k6: bit 8; uses zmm7
    GK_QDOT_LOOK256 \to, \at
    GK_QDOT_LOOK256 zmm7, \at + 256
    vmovdqu8 \to {k6}, zmm7
.endm

.macro GK_QDOT_LOOK1024 to, at      // k7: bit 9; uses zmm5 and zmm7
    GK_QDOT_LOOK512 \to, \at
    GK_QDOT_LOOK512 zmm5, \at + 512
    vmovdqu8 \to {k7}, zmm5
.endm

.macro GK_QDOT_LOOK2048 to, at      // k1: bit 10; uses zmm5, zmm6 and zmm7
    GK_QDOT_LOOK1024 \to, \at
    GK_QDOT_LOOK1024 zmm6, \at + 1024
    vmovdqu8 \to {k1}, zmm6
.endm

// ---- rows of 8 weights: bits of weights from signs in zmm1, planes in zmm2 and zmm3, whose
//      byte 4h + t of quarter i is of row t % 2, of weights 64h + 16i + 8(t / 2) and on

.macro GK_QDOT_TRANSPOSE v0, v1, v2, v3
    vgf2p8affineqb \v0, zmm14, \v0, 0
    vgf2p8affineqb \v1, zmm14, \v1, 0
    vgf2p8affineqb \v2, zmm14, \v2, 0
    vgf2p8affineqb \v3, zmm14, \v3, 0
.endm

.macro GK_QDOT_BITS8 v0, v1, v2, v3
    vpunpcklbw zmm7, zmm2, zmm3
    vpunpckhbw zmm2, zmm2, zmm3
    vpunpcklwd zmm3, zmm1, zmm1
    vpunpckhwd zmm1, zmm1, zmm1
    vpunpcklwd \v0, zmm3, zmm7
    vpunpckhwd \v1, zmm3, zmm7
    vpunpcklwd \v2, zmm1, zmm2
    vpunpckhwd \v3, zmm1, zmm2
    GK_QDOT_TRANSPOSE \v0, \v1, \v2, \v3
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

.macro GK_QDOT_NIBBLES_DATA         // 64 bytes at 256: places of 16 of s
    .long   0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60
.endm

.macro GK_QDOT_CODES8 d, v, side    // codes of the first or the second row
.if \side == 0
    vpermb  zmm7, \v, zmm22
.else
    vpermb  zmm7, \v, zmm23
.endif
.if \d == 3
    vpsubb  zmm1, zmm7, zmm15
.endif
.endm

// ---- rows of 4 weights: a table of first planes, with second ones in the upper halves of bytes, and one of third planes,
//      in both halves. PLANES \at, \f, \t of the format makes words of the block at \at, one for 8 weights: \f first and
//      second planes, \t third plane and signs; words 2h and 2h + 1 of quarter i are of weights 64h + 16i and on
//
//   k2  odd bytes

.macro GK_QDOT_PLANES4 f, t       // from what was found for each 4 weights, and from signs in zmm1
    vpbroadcastq zmm7, qword ptr [DATA + 96]
    vpmultishiftqb zmm0, zmm7, \f
    vpmultishiftqb \t, zmm7, \t
    vpternlogd \f, zmm0, dword ptr [DATA + 104]{1to16}, 0xe4
    vmovdqa64 zmm7, zmmword ptr [DATA + 256]
    vpermb  \t {k2}, zmm7, zmm1
.endm

.macro GK_QDOT_BITS4 a, b, v0, v1, v2, v3
    PLANES  \a, \v0, \v1
    vpunpcklwd \v2, \v0, \v1
    vpunpckhwd \v3, \v0, \v1
    PLANES  \b, zmm2, zmm3
    vpunpcklwd zmm1, zmm2, zmm3
    vpunpckhwd zmm2, zmm2, zmm3
    vpunpckldq \v0, \v2, zmm1
    vpunpckhdq \v1, \v2, zmm1
    vpunpckldq \v2, \v3, zmm2
    vpunpckhdq \v3, \v3, zmm2
    GK_QDOT_TRANSPOSE \v0, \v1, \v2, \v3
.endm

.macro GK_QDOT_IQ3_DATA levels:vararg       // 192 bytes from 128: levels, orders of signs and of double words of indices
.rept 4
.irp    level, \levels
    .byte   64 + \level, 64 - \level
.endr
.endr
    .long   0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15                        // 192
    .byte   0, 0, 0, 1, 0, 8, 0, 9, 0, 16, 0, 17, 0, 24, 0, 25                          // 256
    .byte   0, 2, 0, 3, 0, 10, 0, 11, 0, 18, 0, 19, 0, 26, 0, 27
    .byte   0, 4, 0, 5, 0, 12, 0, 13, 0, 20, 0, 21, 0, 28, 0, 29
    .byte   0, 6, 0, 7, 0, 14, 0, 15, 0, 22, 0, 23, 0, 30, 0, 31
.endm

.macro GK_QDOT_CODES4 d, v, side
.if \side == 0
    vpsrlw  zmm7, \v, 4
    vpermb  zmm7, zmm7, zmm22
.else
    vpermb  zmm7, \v, zmm22
.endif
.if \d == 3
    vpsubb  zmm1, zmm7, zmm15
.endif
.endm

// ---- the first 128 bytes of the constants of the format, w = d (2 s + 1) \factor grid; levels come next

.macro GK_QDOT_GRID_DATA factor, each, groups:vararg
L(data):
.irp    group, \groups                                              //   0  scales of step 0, of the first row
    .fill   \each, 4, \group
.endr
    .byte   1, 2, 4, 8, 16, 32, 64, 128                             //  64
    .long   0x40404040, 1, 4                                        //  72
    .float  \factor                                                 //  84
    .byte   127, 64, 32, 16, 8, 4, 2, 1                             //  88  bit 7 becomes the parity of the others
    .byte   4, 4, 20, 20, 36, 36, 52, 52                            //  96  middle halves of words
    .long   0xf00ff00f                                              // 104  and the outer ones
    .long   15, 7                                                   // 108
    .balign 64
.endm

.macro GK_QDOT_FACTORS at           // of the f16 d at \at of each row: d times the factor, and twice that, at 704 and 720
    vmovd   xmm0, dword ptr [N0 + \at]
    vpinsrw xmm0, xmm0, word ptr [N1 + \at], 1
    vpinsrw xmm0, xmm0, word ptr [N2 + \at], 2
    vpinsrw xmm0, xmm0, word ptr [N3 + \at], 3
    vcvtph2ps xmm0, xmm0
    GK_QDOT_TWICE
.endm

.macro GK_QDOT_TWICE
    vmulps  xmm0, xmm0, dword ptr [DATA + 84]{1to4}
    vaddps  xmm1, xmm0, xmm0
    vmovaps xmmword ptr [rdi + 704], xmm0
    vmovaps xmmword ptr [rdi + 720], xmm1
.endm

.macro GK_QDOT_GRID_SETUP
    vpbroadcastq zmm14, qword ptr [DATA + 64]
    vpbroadcastd zmm15, dword ptr [DATA + 72]
    vpbroadcastd zmm0, dword ptr [DATA + 80]
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpaddd  zmm17, zmm16, zmm0
    vpaddd  zmm18, zmm17, zmm0
    vpaddd  zmm19, zmm18, zmm0
    vmovdqa64 zmm22, zmmword ptr [DATA + 128]
    vmovdqa64 zmm23, zmmword ptr [DATA + 192]
.endm

.macro GK_QDOT_GRID_STEP d, h, v01, v23, groups
    GK_QDOT_DIGITS \d, \h
    GK_QDOT_START \d, \h, 1
    GK_QDOT_SIGNED \d, \v01, 0, \groups, zmm12, zmm7, zmm8
    GK_QDOT_SIGNED \d, \v01, 1, \groups, zmm13, zmm7, zmm9
    GK_QDOT_SIGNED \d, \v23, 0, \groups, zmm20, zmm7, zmm10
    GK_QDOT_SIGNED \d, \v23, 1, \groups, zmm21, zmm7, zmm11
.endm

.macro GK_QDOT_GRID d, bytes        // the block, with scales of the four rows
    GK_QDOT_AHEAD \bytes
    HEAD    \d
    BITS    W0, W1, zmm24, zmm25, zmm26, zmm27
    BITS    W2, W3, zmm28, zmm29, zmm30, zmm31
    GK_QDOT_GRID_STEP \d, 0, zmm24, zmm28, zmm16
    GK_QDOT_GRID_STEP \d, 1, zmm25, zmm29, zmm17
    GK_QDOT_GRID_STEP \d, 2, zmm26, zmm30, zmm18
    GK_QDOT_GRID_STEP \d, 3, zmm27, zmm31, zmm19
.endm

// ---- groups of 32, two rows a vector; SCALES \a, \b, \room, \at of the format makes those of the blocks at \a and \b
//
//   zmm12, zmm13  scales times those of x, in lane 2g + i group g of row i, of rows 0 and 1, 2 and 3; room: 448 and 512
//   zmm16 .. 19   groups 2h | 2h + 1 of the first row, h = 0 .. 3                zmm20 .. 23  of the second

.macro GK_QDOT_ODD32 d, pair        // scales of s in zmm0
    vcvtdq2ps zmm0, zmm0
    vbroadcastsd zmm1, qword ptr [rdi + 704 + 8*\pair]
    vbroadcastsd zmm2, qword ptr [rdi + 720 + 8*\pair]
    vfmadd213ps zmm0, zmm2, zmm1                        // exact
    vmulps  zmm0, zmm0, zmmword ptr [r11 + 256*\d + 512]
    vmovaps zmmword ptr [rdi + 448 + 64*\pair], zmm0
.endm

.macro GK_QDOT_GRID32_SCALES d
    SCALES  \d, 0, N0, N1
    SCALES  \d, 1, N2, N3
.endm

.macro GK_QDOT_GRID32 d, bytes      // the block
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm20, zmmword ptr [rdi + 512]
    vpsrlq  zmm13, zmm12, 32
    vpsrlq  zmm21, zmm20, 32
    GK_QDOT_GRID \d, \bytes
.endm

// ---- groups of 16, a row a vector; SCALES \d, \r, \at of the format makes those of row r
//
//   zmm12, zmm13, zmm20, zmm21  scales times those of x; room: 64 for each row at 448
//   zmm16 .. 19   groups 4h .. 4h + 3, h = 0 .. 3              zmm22, zmm23  of the format

.macro GK_QDOT_ODD16 d, r         // scales of s in zmm0
    vcvtdq2ps zmm0, zmm0
    vbroadcastss zmm2, dword ptr [rdi + 720 + 4*\r]
    vfmadd213ps zmm0, zmm2, dword ptr [rdi + 704 + 4*\r]{1to16}      // exact
    vmulps  zmm0, zmm0, zmmword ptr [r11 + 256*\d + 512]
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro GK_QDOT_GRID16_SCALES d
    SCALES  \d, 0, N0
    SCALES  \d, 1, N1
    SCALES  \d, 2, N2
    SCALES  \d, 3, N3
.endm

.macro GK_QDOT_GRID16 d, bytes      // the block
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 512]
    vmovaps zmm20, zmmword ptr [rdi + 576]
    vmovaps zmm21, zmmword ptr [rdi + 640]
    GK_QDOT_GRID \d, \bytes
.endm

#endif
