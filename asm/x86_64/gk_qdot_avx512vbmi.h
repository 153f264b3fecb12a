// gk_qdot_avx512vbmi.h -- what rows of IQ codes by a few rows of x have in common.               AVX-512 VNNI, VBMI and GFNI
//
//   As gk_qdot_avx512vnni.h, but codes come from a grid: an index stands for 8 or 4 weights, with a bit for the sign of each.
//
//   A grid is kept as planes, a bit of a weight in each: tables that are searched for 64 indices at a time. What they give for
//   8 weights of one row, a, and of another, b, are with their signs the rows of an 8 x 8 matrix of bits. Transposed it has
//   in byte i all bits of weight i of both:
//
//      bit                    7         6         5         4         3         2         1         0
//      grids of 8 weights     sign a    sign b    first a   second a  sign a    sign b    first b   second b
//      grids of 4 weights     first a   second a  third a   sign a    first b   second b  third b   sign b
//
//   Bits 5 .. 0 are an index into a table of levels of a, and into another for b; or bits 3 .. 0, and 7 .. 4 shifted, into
//   one. Levels are plus 64.
//
//   zmm24  bytes 1 << 0 .. 1 << 7, eight times     zmm25  bytes of 64
//   zmm22, zmm23  levels of a, of b                zmm16  where scales for 32 weights are, by groups     k1 .. k7  of the format

#include "gk_qdot_avx512vnni.h"
#ifdef __x86_64__

// ---- the first 128 bytes of the constants of a format, w = d (2 s + 1) \factor grid; levels are next, at 128 and 192

.macro GK_QDOT_GRID_DATA factor
L(data):
    .long   0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15    //   0  two rows by turns: the first, the second
    .byte   1, 2, 4, 8, 16, 32, 64, 128                             //  64
    .byte   127, 64, 32, 16, 8, 4, 2, 1                             //  72  bit 7 becomes the parity of the others
    .byte   4, 4, 20, 20, 36, 36, 52, 52                            //  80  where the middle of each word begins
    .long   0xf00ff00f                                              //  88  its outer halves
    .long   0x40404040, 4, 15, 7                                    //  92
    .float  \factor                                                 // 108
    .balign 64
.endm

.macro GK_QDOT_GRID_SETUP
    vpbroadcastq zmm24, qword ptr [DATA + 64]
    vpbroadcastd zmm25, dword ptr [DATA + 92]
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vmovdqa64 zmm22, zmmword ptr [DATA + 128]
    vmovdqa64 zmm23, zmmword ptr [DATA + 192]
.endm

// ---- lookups: \to = the byte at each index of zmm0 in the table at \at. vpermt2b does for two of vpermb and most masks, but
//      is three micro-operations on Intel, and so for small tables only.

.macro GK_QDOT_LOOK256 to, at       // k4: bit 7; uses zmm7
    vmovdqa64 \to, zmmword ptr [DATA + \at]
    vmovdqa64 zmm7, zmmword ptr [DATA + \at + 128]
    vpermt2b \to, zmm0, zmmword ptr [DATA + \at + 64]
    vpermt2b zmm7, zmm0, zmmword ptr [DATA + \at + 192]
    vmovdqu8 \to {k4}, zmm7
.endm

.macro GK_QDOT_LOWER_BITS           // k3, k4, k5: bit 6, bit 7, both
    vpmovb2m k4, zmm0
    vptestmb k3, zmm0, zmm25
    kandq   k5, k3, k4
.endm

.macro GK_QDOT_QUARTERS to, at
    vpermb  \to, zmm0, zmmword ptr [DATA + \at]
    vpermb  \to {k3}, zmm0, zmmword ptr [DATA + \at + 64]
    vpermb  \to {k4}, zmm0, zmmword ptr [DATA + \at + 128]
    vpermb  \to {k5}, zmm0, zmmword ptr [DATA + \at + 192]
.endm

.macro GK_QDOT_LOOK512 to, at       // k6: bit 8; uses zmm7
    GK_QDOT_QUARTERS \to, \at
    GK_QDOT_QUARTERS zmm7, \at + 256
    vmovdqu8 \to {k6}, zmm7
.endm

.macro GK_QDOT_LOOK1024 to, at      // k7: bit 9; uses zmm5 and zmm7
    GK_QDOT_LOOK512 \to, \at
    GK_QDOT_LOOK512 zmm5, \at + 512
    vmovdqu8 \to {k7}, zmm5
.endm

.macro GK_QDOT_TRANSPOSE v0, v1, v2, v3
    vgf2p8affineqb \v0, zmm24, \v0, 0
    vgf2p8affineqb \v1, zmm24, \v1, 0
    vgf2p8affineqb \v2, zmm24, \v2, 0
    vgf2p8affineqb \v3, zmm24, \v3, 0
.endm

// ---- grids of 8 weights, three levels: the first plane has the highest, the second the middle one

.macro GK_QDOT_IQ2_DATA             // levels
.irp    level, 8, -8, 25, -25, 43, -43, 43, -43
    .fill   8, 1, 64 + \level
.endr
.rept 8
.irp    level, 8, 25, 43, 43, -8, -25, -43, -43
    .byte   64 + \level
.endr
.endr
.endm

.macro GK_QDOT_BITS8 v0, v1, v2, v3 // from signs in zmm1, planes in zmm2 and zmm3: byte 4h + 2j + i of quarter q for index
    vpunpcklbw zmm7, zmm2, zmm3     // 8h + 2q + j of row i
    vpunpckhbw zmm2, zmm2, zmm3
    vpunpcklwd zmm3, zmm1, zmm1
    vpunpckhwd zmm1, zmm1, zmm1
    vpunpcklwd \v0, zmm3, zmm7
    vpunpckhwd \v1, zmm3, zmm7
    vpunpcklwd \v2, zmm1, zmm2
    vpunpckhwd \v3, zmm1, zmm2
    GK_QDOT_TRANSPOSE \v0, \v1, \v2, \v3
    GK_QDOT_LANES \v0, \v1, \v2, \v3
.endm

.macro GK_QDOT_LEVELS8 to, v, side  // codes of a or b
.if \side == 0
    vpermb  \to, \v, zmm22
.else
    vpermb  \to, \v, zmm23
.endif
.endm

// ---- grids of 4 weights, eight levels: the table of first planes has second ones in the upper halves of its bytes, that of
//      third planes has them in both halves. PLANES \at, \f, \t of the format makes of a row, for 8 weights a word in \f,
//      first and second plane, and one in \t, third plane and signs: words 2h and 2h + 1 of quarter q for 64h + 16q and on

.macro GK_QDOT_IQ3_DATA levels:vararg       // and from 192: the order of indices, by fours; from 256: of signs, odd bytes
.rept 4
.irp    level, \levels
    .byte   64 + \level, 64 - \level
.endr
.endr
    .long   0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15
    .byte   0, 0, 0, 1, 0, 8, 0, 9, 0, 16, 0, 17, 0, 24, 0, 25
    .byte   0, 2, 0, 3, 0, 10, 0, 11, 0, 18, 0, 19, 0, 26, 0, 27
    .byte   0, 4, 0, 5, 0, 12, 0, 13, 0, 20, 0, 21, 0, 28, 0, 29
    .byte   0, 6, 0, 7, 0, 14, 0, 15, 0, 22, 0, 23, 0, 30, 0, 31
.endm

.macro GK_QDOT_IQ3_SETUP
    GK_QDOT_GRID_SETUP
    mov     rax, 0xaaaaaaaaaaaaaaaa
    kmovq   k2, rax                                     // odd bytes, odd double words
.endm

.macro GK_QDOT_PLANES4 f, t         // from bytes for 4 weights each, and signs in zmm1
    vpbroadcastq zmm7, qword ptr [DATA + 80]
    vpmultishiftqb zmm0, zmm7, \f
    vpmultishiftqb \t, zmm7, \t
    vpternlogd \f, zmm0, dword ptr [DATA + 88]{1to16}, 0xe4
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
    GK_QDOT_LANES \v0, \v1, \v2, \v3
.endm

.macro GK_QDOT_LEVELS4 to, v, side
.if \side == 0
    vpsrlw  \to, \v, 4
    vpermb  \to, \to, zmm22
.else
    vpermb  \to, \v, zmm22
.endif
.endm

// ---- scales d (2 s + 1) factor, exact

.macro GK_QDOT_FACTORS at           // at 704 and 720: d times the factor, and twice that, from the f16 at \at of each row
    GK_QDOT_D \at
    GK_QDOT_FACTORS_OF_XMM0
.endm

.macro GK_QDOT_D at
    vmovd   xmm0, dword ptr [N0 + \at]
    vpinsrw xmm0, xmm0, word ptr [N1 + \at], 1
    vpinsrw xmm0, xmm0, word ptr [N2 + \at], 2
    vpinsrw xmm0, xmm0, word ptr [N3 + \at], 3
.endm

.macro GK_QDOT_FACTORS_OF_XMM0
    vcvtph2ps xmm0, xmm0
    vmulps  xmm0, xmm0, dword ptr [DATA + 108]{1to4}
    vaddps  xmm1, xmm0, xmm0
    vmovaps xmmword ptr [rdi + 704], xmm0
    vmovaps xmmword ptr [rdi + 720], xmm1
.endm

// ---- for 32 weights, two rows a vector; SCALES \pair, \a, \b of the format

.macro GK_QDOT_ODD32 pair           // from s in zmm0, lane 2g + i for group g of row i
    vcvtdq2ps zmm0, zmm0
    vbroadcastsd zmm1, qword ptr [rdi + 704 + 8*\pair]
    vbroadcastsd zmm2, qword ptr [rdi + 720 + 8*\pair]
    vfmadd213ps zmm0, zmm2, zmm1
    vpermps zmm0, zmm16, zmm0
    vmovaps zmmword ptr [rdi + 448 + 192*\pair], zmm0
.endm

.macro GK_QDOT_SCALES32
    SCALES  0, N0, N1
    SCALES  1, N2, N3
.endm

.macro GK_QDOT_GRID32 d, bytes      // the block
    GK_QDOT_AHEAD \bytes
    GK_QDOT_GRID_CODES
    GK_QDOT_PAIRS_OF_CODES SIGNED, \d, 6
.endm

// ---- for 16 weights, a row a vector; SCALES \r, \at of the format

.macro GK_QDOT_NIBBLES_DATA         // 64 bytes at 256: places of 16 of s in a quad word, by lanes
    .long   0, 16, 32, 48, 4, 20, 36, 52, 8, 24, 40, 56, 12, 28, 44, 60
.endm

.macro GK_QDOT_ODD16 r, at, places, mask     // from s in the quad word at \at
    vmovdqa64 zmm0, zmmword ptr [DATA + \places]
    vpmultishiftqb zmm0, zmm0, qword ptr [\at]{1to8}
    vpandd  zmm0, zmm0, dword ptr [DATA + \mask]{1to16}
    vcvtdq2ps zmm0, zmm0
    vbroadcastss zmm2, dword ptr [rdi + 720 + 4*\r]
    vfmadd213ps zmm0, zmm2, dword ptr [rdi + 704 + 4*\r]{1to16}
    vmovaps zmmword ptr [rdi + 448 + 64*\r], zmm0
.endm

.macro GK_QDOT_SCALES16
    SCALES  0, N0
    SCALES  1, N1
    SCALES  2, N2
    SCALES  3, N3
.endm

.macro GK_QDOT_GRID16 d, bytes      // the block
    GK_QDOT_AHEAD \bytes
    GK_QDOT_GRID_CODES
    GK_QDOT_16_OF_CODES \d
.endm

.macro OFFSET d
    vpslld  zmm3, zmmword ptr [rdx + 256*\d], 6
.endm

// ---- codes of four rows: BITS \a, \b, \v0 .. \v3 of the format for two, and LEVELS \to, \v, \side

.macro GK_QDOT_GRID_CODES
    BITS    W0, W1, zmm12, zmm13, zmm14, zmm15
    LEVELS  zmm18, zmm12, 0
    LEVELS  zmm19, zmm13, 0
    LEVELS  zmm20, zmm14, 0
    LEVELS  zmm21, zmm15, 0
    LEVELS  zmm12, zmm12, 1
    LEVELS  zmm13, zmm13, 1
    LEVELS  zmm14, zmm14, 1
    LEVELS  zmm15, zmm15, 1
    BITS    W2, W3, zmm28, zmm29, zmm30, zmm31
    LEVELS  zmm4, zmm28, 0
    LEVELS  zmm5, zmm29, 0
    LEVELS  zmm6, zmm30, 0
    LEVELS  zmm7, zmm31, 0
    LEVELS  zmm28, zmm28, 1
    LEVELS  zmm29, zmm29, 1
    LEVELS  zmm30, zmm30, 1
    LEVELS  zmm31, zmm31, 1
.endm

#endif
