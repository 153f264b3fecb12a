// gk_qdot_avx512vnni.h -- what rows of codes by a few rows of x have in common.                          AVX-512 VNNI
//
//   void gk_qdot_avx512vnni_FORMAT_4(struct DotJob* job);        the job is used up
//
//   y[i * y_row + s * y_segment + r] = row r of segment s of W . row i of x, for four segments and up to sixteen rows of x, in
//   fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         80 inputs    88 x_bytes    96 y_row          424 the next row   432 the end of inputs   448 room: scales
//         896 of each input, 320 bytes apart: float sum[4][16]; double total[4]; zeros before and after a row
//
//   x, a block of 256:  0      int8  digit 2, 1 and 0, or one, [4][16][4] each: of lane l = 4j + i four from 16 (4i + j) + 4h on
//                       D 256  int32 total[16], sum X; float scale[16], sum[16]; int16 minus[16][2]: of lanes
//                   D 256 + 256  the same of groups of 32: 0, 2, 4, 6, 1, 3, 5, 7, twice
//
//   rdi  job          rsi  the block of segment 0         zmm0 .. zmm3   free
//   rcx  blocks left  r8   bytes to segment 1, r9 to 3    zmm4 .. zmm7   codes of a row that are made, by lanes
//   rdx  x            r10  blocks left of the chain       zmm8 .. zmm11  sums of the four rows, by lanes
//   rax  the next rsi, from row to row too; the last row is followed by itself. r11 an input
//
//   zmm18 .. zmm21, zmm12 .. zmm15, zmm4 .. zmm7, zmm28 .. zmm31  quads 0 .. 3 of lanes of the four rows
//   zmm17  a quad of lanes of x     zmm16, zmm22 .. zmm27  of the format
//
//   Scales are kept in memory. They take long, and codes need not wait for them: they are made between the codes of rows, or
//   a block ahead, by HEAD. Sums of rows go step by step side by side, for the same reason.
//
//   Codes are taken as unsigned, with an offset that the sum of X takes back: a lane is the sum of 16 code X, exact. Where 32
//   weights share a scale the lanes of two rows are folded, to eight groups of each. Then one FMA. Sixteen blocks are a chain
//   of FMA, chains are added up in double: the order of the twin, code_rows in section [15].
//
//   Nothing is lost: |code - offset| <= 128 and |X| <= 63 2^13, so that 32 products are below 2^31, as are 16 of unsigned
//   bytes, and what wraps on the way comes back.
//
//   Budgets are for one row of x, and count micro-operations on vector ports; copies, zeros and broadcasts from memory are none,
//   gathered words one.

#include "../gk_asm.h"
#ifdef __x86_64__

#define DATA rip + L(data)           // the constants of the format
#define W0 rsi                      // the block of each row, and the next
#define W1 rsi + r8
#define W2 rsi + 2*r8
#define W3 rsi + r9
#define N0 rax
#define N1 rax + r8
#define N2 rax + 2*r8
#define N3 rax + r9

.macro GK_QDOT_JOIN to, a, b        // the halves of the lanes of two rows added up: rows a | b
    vshuff64x2 \to, \a, \b, 0x44
    vshuff64x2 \a, \a, \b, 0xee
    vaddps  \to, \to, \a
.endm

.macro GK_QDOT_FOLD by              // ymm0 = total[4] + the chain, of an input; the chain is 0
    vmovaps zmm0, zmmword ptr [r11]
    vmovaps zmm1, zmmword ptr [r11 + 64]
.ifc \by, LANES
    vmovaps zmm2, zmmword ptr [r11 + 128]
    vmovaps zmm3, zmmword ptr [r11 + 192]
    GK_QDOT_JOIN zmm4, zmm0, zmm1
    GK_QDOT_JOIN zmm1, zmm2, zmm3
    vmovaps zmm0, zmm4
.endif
    GK_QDOT_OPEN \by
    vshuff32x4 zmm2, zmm0, zmm1, 0x88
    vshuff32x4 zmm0, zmm0, zmm1, 0xdd
    vaddps  zmm0, zmm0, zmm2                            // quarters of four rows
    vshufps zmm1, zmm0, zmm0, 0x4e
    vaddps  zmm0, zmm0, zmm1
    vshufps zmm1, zmm0, zmm0, 0xb1
    vaddps  zmm0, zmm0, zmm1                            // a row four times
    vextractf64x4 ymm1, zmm0, 1
    vunpcklps ymm0, ymm0, ymm1                          // 0 2 . . 1 3
    vextractf128 xmm1, ymm0, 1
    vunpcklps xmm0, xmm0, xmm1
    vcvtps2pd ymm0, xmm0
    vaddpd  ymm0, ymm0, ymmword ptr [r11 + 256]
.endm

.macro GK_QDOT_OPEN by              // no chain
    vpxor   xmm3, xmm3, xmm3
    vmovaps zmmword ptr [r11], zmm3
    vmovaps zmmword ptr [r11 + 64], zmm3
.ifc \by, LANES
    vmovaps zmmword ptr [r11 + 128], zmm3
    vmovaps zmmword ptr [r11 + 192], zmm3
.endif
.endm

.macro GK_QDOT_STORE                // ymm0 to rdx and on, r10 apart; the total is 0
    vcvtpd2ps xmm0, ymm0
    vmovapd ymmword ptr [r11 + 256], ymm3
    vmovss  dword ptr [rdx], xmm0
    vextractps dword ptr [rdx + r10], xmm0, 1
    vextractps dword ptr [rdx + 2*r10], xmm0, 2
    vextractps dword ptr [rdx + rcx], xmm0, 3
.endm

.macro GK_QDOT_INPUTS label         // the end of a loop over inputs
    add     r11, 320
    cmp     r11, qword ptr [rdi + 432]
    jb      \label
.endm

// ---- a row: CODES \at of the format leaves the codes of the block at \at in zmm4 .. zmm7, vector h those of quad h of each
//      lane. GK_QDOT_NATURAL makes them of STEP \h, \at, \to, 64 codes in their order to register \to; zmm0 .. zmm3 pass
//      from step to step.
//
//   A broadcast of 16 bytes or more from memory takes a shuffle on some processors: a load to the lower half and a shift to
//   the upper, from memory and under a mask, do not. What a mask leaves out is not read.

.macro GK_QDOT_LANES v0, v1, v2, v3 // from their order
    vpunpckldq zmm0, \v0, \v1
    vpunpckhdq zmm1, \v0, \v1
    vpunpckldq zmm2, \v2, \v3
    vpunpckhdq zmm3, \v2, \v3
    vpunpcklqdq \v0, zmm0, zmm2
    vpunpckhqdq \v1, zmm0, zmm2
    vpunpcklqdq \v2, zmm1, zmm3
    vpunpckhqdq \v3, zmm1, zmm3
.endm

.macro GK_QDOT_NATURAL at
    STEP    0, \at, 4
    STEP    1, \at, 5
    STEP    2, \at, 6
    STEP    3, \at, 7
    GK_QDOT_LANES zmm4, zmm5, zmm6, zmm7
.endm

.macro GK_QDOT_KEEP c0, c1, c2, c3
    vmovdqa64 \c0, zmm4
    vmovdqa64 \c1, zmm5
    vmovdqa64 \c2, zmm6
    vmovdqa64 \c3, zmm7
.endm

.macro GK_QDOT_CODES                // of four rows
    CODES   W0
    GK_QDOT_KEEP zmm18, zmm19, zmm20, zmm21
    CODES   W1
    GK_QDOT_KEEP zmm12, zmm13, zmm14, zmm15
    CODES   W3
    GK_QDOT_KEEP zmm28, zmm29, zmm30, zmm31
    CODES   W2
.endm

.macro GK_QDOT_QUAD at, s0, s1, s2, s3, c0, c1, c2, c3
    vmovups zmm17, zmmword ptr [rdx + \at]
    vpdpbusd \s0, \c0, zmm17
    vpdpbusd \s1, \c1, zmm17
    vpdpbusd \s2, \c2, zmm17
    vpdpbusd \s3, \c3, zmm17
#ifdef GK_QDOT_BETWEEN              // what a format has done meanwhile
    GK_QDOT_BETWEEN
#endif
.endm

.macro GK_QDOT_DIGIT at, s0, s1, s2, s3     // sums of four rows += codes times a digit
    GK_QDOT_QUAD \at, \s0, \s1, \s2, \s3, zmm18, zmm12, zmm4, zmm28
    GK_QDOT_QUAD \at + 64, \s0, \s1, \s2, \s3, zmm19, zmm13, zmm5, zmm29
    GK_QDOT_QUAD \at + 128, \s0, \s1, \s2, \s3, zmm20, zmm14, zmm6, zmm30
    GK_QDOT_QUAD \at + 192, \s0, \s1, \s2, \s3, zmm21, zmm15, zmm7, zmm31
.endm

.macro GK_QDOT_EACH op, by:vararg
    \op     zmm8, zmm8, \by
    \op     zmm9, zmm9, \by
    \op     zmm10, zmm10, \by
    \op     zmm11, zmm11, \by
.endm

.macro GK_QDOT_ZERO s0, s1, s2, s3
    vpxord  \s0, \s0, \s0
    vpxord  \s1, \s1, \s1
    vpxord  \s2, \s2, \s2
    vpxord  \s3, \s3, \s3
.endm

.macro GK_QDOT_BEGIN d, s0, s1, s2, s3, offset      // sums are 0, or minus what \offset \d leaves in zmm3
.ifb \offset
    GK_QDOT_ZERO \s0, \s1, \s2, \s3
.else
    \offset \d
    vpxor   xmm2, xmm2, xmm2
    vpsubd  \s3, zmm2, zmm3
    vmovdqa64 \s0, \s3
    vmovdqa64 \s1, \s3
    vmovdqa64 \s2, \s3
.endif
.endm

.macro GK_QDOT_DOTS d, shifts=-1, offset    // zmm8 .. zmm11 = sums of code X, or of codes that are too far left, by constants
.if \d == 3
    GK_QDOT_ZERO zmm8, zmm9, zmm10, zmm11
    GK_QDOT_DIGIT 0, zmm8, zmm9, zmm10, zmm11
    GK_QDOT_BEGIN \d, zmm0, zmm1, zmm2, zmm3, \offset
    GK_QDOT_EACH vpslld, 8
    GK_QDOT_DIGIT 512, zmm0, zmm1, zmm2, zmm3           // by themselves: shorter chains
    GK_QDOT_DIGIT 256, zmm8, zmm9, zmm10, zmm11
    GK_QDOT_EACH vpslld, 8
    vpaddd  zmm8, zmm8, zmm0
    vpaddd  zmm9, zmm9, zmm1
    vpaddd  zmm10, zmm10, zmm2
    vpaddd  zmm11, zmm11, zmm3
.else
    GK_QDOT_BEGIN \d, zmm8, zmm9, zmm10, zmm11, \offset
    GK_QDOT_DIGIT 0, zmm8, zmm9, zmm10, zmm11
.endif
.if \shifts >= 0
    vmovdqa64 zmm0, zmmword ptr [DATA + \shifts]
    GK_QDOT_EACH vpsravd, zmm0
.endif
.endm

.macro GK_QDOT_SHIFTS a, b, c, d    // 64 bytes, where codes are a, b, c, d bits too far left in each quarter of lanes
.irp s, \a, \b, \c, \d
    .fill   4, 4, \s
.endr
.endm

.macro GK_QDOT_AHEAD bytes          // later blocks of each row are fetched
    .set    L(line), 2048
.rept (\bytes + 63) / 64
    prefetcht0 byte ptr [W0 + L(line)]
    prefetcht0 byte ptr [W1 + L(line)]
    prefetcht0 byte ptr [W2 + L(line)]
    prefetcht0 byte ptr [W3 + L(line)]
    .set    L(line), L(line) + 64
.endr
.endm

// ---- groups of 32, two rows a vector, groups in the order of x; SCALES \a, \b, \room of the format makes those of the
//      blocks at \a and \b
//
//   room: scale, z, rest of rows 0 | 1 at 448, of rows 2 | 3 at 640

.macro GK_QDOT_PAIRS_HEAD d
    SCALES  N0, N1, 448
    SCALES  N2, N3, 640
.endm

.macro GK_QDOT_PAIRS kind, d, bytes, shift=0, shifts=-1     // the block; kind SIGNED, an offset of 1 << shift, or UNSIGNED,
    GK_QDOT_AHEAD \bytes                                    // zeros and rests
    GK_QDOT_CODES
    GK_QDOT_PAIRS_OF_CODES \kind, \d, \shift, \shifts
.endm

.macro GK_QDOT_PAIRS_BETWEEN kind, d, bytes, shift=0, shifts=-1     // the same, with scales made between codes
    GK_QDOT_AHEAD \bytes
    CODES   W0
    GK_QDOT_KEEP zmm18, zmm19, zmm20, zmm21
    SCALES  W0, W1, 448
    CODES   W1
    GK_QDOT_KEEP zmm12, zmm13, zmm14, zmm15
    CODES   W3
    GK_QDOT_KEEP zmm28, zmm29, zmm30, zmm31
    SCALES  W2, W3, 640
    CODES   W2
    GK_QDOT_PAIRS_OF_CODES \kind, \d, \shift, \shifts
.endm

.macro GK_QDOT_PAIRS_OF_CODES kind, d, shift, shifts=-1
    mov     rax, rdx
    lea     r11, [rdi + 896]
L(input\d):
    GK_QDOT_DOTS \d, \shifts
    GK_QDOT_PAIRS_ADD \kind, \d, \shift
    add     rdx, qword ptr [rdi + 88]
    GK_QDOT_INPUTS L(input\d)
    mov     rdx, rax
.endm

.macro GK_QDOT_PAIRS_ADD kind, d, shift     // to the sums of an input
    vshufi32x4 zmm0, zmm8, zmm9, 0x88
    vshufi32x4 zmm1, zmm8, zmm9, 0xdd
    vshufi32x4 zmm2, zmm10, zmm11, 0x88
    vshufi32x4 zmm3, zmm10, zmm11, 0xdd
    vpaddd  zmm0, zmm0, zmm1                            // groups of rows 0 | 1
    vpaddd  zmm2, zmm2, zmm3                            // and 2 | 3
    GK_QDOT_PAIRS_\kind \d, \shift
    vmovups zmm1, zmmword ptr [rdx + 256*\d + 320]
    vcvtdq2ps zmm0, zmm0
    vcvtdq2ps zmm2, zmm2
    vmulps  zmm3, zmm1, zmmword ptr [rdi + 640]         // scales of the weights and of x
    vmulps  zmm1, zmm1, zmmword ptr [rdi + 448]
    vfmadd213ps zmm0, zmm1, zmm8
    vfmadd213ps zmm2, zmm3, zmm9
    vmovaps zmmword ptr [r11], zmm0
    vmovaps zmmword ptr [r11 + 64], zmm2
.endm

.macro GK_QDOT_PAIRS_SIGNED d, shift        // offsets taken from zmm0 and zmm2; zmm8, zmm9 = the sums so far
.if \shift
    vpslld  zmm1, zmmword ptr [rdx + 256*\d + 256], \shift
.else
    vmovdqu64 zmm1, zmmword ptr [rdx + 256*\d + 256]
.endif
    vmovaps zmm8, zmmword ptr [r11]
    vmovaps zmm9, zmmword ptr [r11 + 64]
    vpsubd  zmm0, zmm0, zmm1
    vpsubd  zmm2, zmm2, zmm1
.endm

.macro GK_QDOT_PAIRS_UNSIGNED d, shift      // the same of zeros; the sums with rests
    vmovdqu64 zmm1, zmmword ptr [rdx + 256*\d + 448]
    vmovups zmm3, zmmword ptr [rdx + 256*\d + 384]
    vmovaps zmm8, zmmword ptr [rdi + 448 + 128]
    vmovaps zmm9, zmmword ptr [rdi + 640 + 128]
    vpdpwssd zmm0, zmm1, zmmword ptr [rdi + 448 + 64]   // minus z sum X
    vpdpwssd zmm2, zmm1, zmmword ptr [rdi + 640 + 64]
    vfmadd213ps zmm8, zmm3, zmmword ptr [r11]           // rests
    vfmadd213ps zmm9, zmm3, zmmword ptr [r11 + 64]
.endm

.macro GK_QDOT_ZEROS top            // of zmm0 = s and zmm2 = m: z = round(m / s), 0 .. top, to zmm1, and the rest to zmm3
    vdivps  zmm3, zmm2, zmm0
    vpxor   xmm1, xmm1, xmm1
    vmaxps  zmm3, zmm3, zmm1                            // NaN is 0
    vminps  zmm3, zmm3, dword ptr [DATA + \top]{1to16}
    vcvtps2dq zmm1, zmm3                                // z
    vcvtdq2ps zmm3, zmm1
    vfmsub213ps zmm3, zmm0, zmm2                        // rest = z s - m
.endm

.macro GK_QDOT_ZEROS_PAIR to        // from zmm1 what is multiplied with minus: z, or (z, 1024 z)
.if L(d) == 3
    vpslld  zmm2, zmm1, 26
    vpord   \to, zmm1, zmm2
.else
    vmovdqa64 \to, zmm1
.endif
.endm

.macro GK_QDOT_ZEROS_STORE room     // and s, of two rows
    GK_QDOT_ZEROS_PAIR zmm1
    vmovaps zmmword ptr [rdi + \room], zmm0
    vmovdqa64 zmmword ptr [rdi + \room + 64], zmm1
    vmovaps zmmword ptr [rdi + \room + 128], zmm3
.endm

// ---- blocks of 32 weights, eight for 256: scales gathered by loads that put each word or double word in a place of its
//      own, between those before it; what a mask leaves out is not read
//
//   k7  the upper half of double words       zmm24  fifteens       zmm25  shifts 0 | 4 | 0 | 4
//   k1 .. k5  places, k6 fifth bits          zmm26  the order of places       zmm27  of the format

.macro GK_QDOT_NIBBLES_SETUP
    mov     eax, 0x0f0f0f0f
    vpbroadcastd zmm24, eax
    mov     eax, 0xf0f0
    kmovd   k7, eax
    mov     eax, 0x00040004
    vpbroadcastd zmm25 {k7}{z}, eax
    mov     eax, 0xff00
    kmovd   k7, eax
.endm

.macro GK_QDOT_TWICE to, a, b       // 16 bytes of two blocks, each twice
    vbroadcasti32x4 zmm\to, xmmword ptr [\a]
    vbroadcasti32x4 zmm\to {k7}, xmmword ptr [\b]
.endm

.macro GK_QDOT_NIBBLES to, a, b     // 64 codes: the low halves of 16 bytes, then the high halves, of two blocks
    GK_QDOT_TWICE \to, \a, \b
    GK_QDOT_HALVE \to
.endm

.macro GK_QDOT_HALVES_SETUP         // zmm24 = masks of low halves and of high ones, by turns; uses k6
    mov     eax, 0xf0f0
    kmovd   k6, eax
    vpslld  zmm24 {k6}, zmm24, 4
.endm

.macro GK_QDOT_HALVE to             // the same, of 16 bytes each twice
    vpsrlvw zmm\to, zmm\to, zmm25
    vpandd  zmm\to, zmm\to, zmm24
.endm

.macro GK_QDOT_LEVELS_DATA          // 16 bytes: the levels of IQ4 formats, plus 128
    .byte   1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241
.endm

.macro GK_QDOT_LEVELS_SETUP at
    vbroadcasti32x4 zmm27, xmmword ptr [DATA + \at]
.endm

.macro GK_QDOT_LEVELS to            // the levels of nibbles
    vpshufb zmm\to, zmm27, zmm\to
.endm

.macro GK_QDOT_FIFTH to, a, b       // plus zmm27 where a bit is set, of 32 for each block; uses rax and r11
    mov     eax, dword ptr [\a]
    mov     r11d, dword ptr [\b]
    shl     r11, 32
    or      rax, r11
    kmovq   k6, rax
    vpaddb  zmm\to {k6}, zmm\to, zmm27
.endm

.macro GK_QDOT_HALF_SCALES room     // from d of two rows in ymm0
    vcvtph2ps zmm0, ymm0
    vmovaps zmmword ptr [rdi + \room], zmm0
.endm

.macro GK_QDOT_HALF_OFFSETS room, minus, top    // and zeros and rests, from d | m in the halves of zmm0
    vextracti64x4 ymm2, zmm0, 1
    vcvtph2ps zmm0, ymm0
    vcvtph2ps zmm2, ymm2
    vxorps  zmm2, zmm2, dword ptr [DATA + \minus]{1to16}
    GK_QDOT_ZEROS \top
    GK_QDOT_ZEROS_STORE \room
.endm

.macro GK_QDOT_18_DATA              // the first 64 bytes of the constants, for blocks of f16 d and 16 bytes of nibbles
L(data):
    .word   0, 18, 2, 20, 9, 27, 11, 29, 1, 19, 3, 21, 10, 28, 12, 30   //   0  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
.endm

.macro GK_QDOT_18_SETUP
    GK_QDOT_NIBBLES_SETUP
    vmovdqa64 zmm26, zmmword ptr [DATA]
    mov     eax, 0x10080402
    kmovd   k1, eax
    kaddd   k2, k1, k1
    kaddd   k3, k2, k2
.endm

.macro GK_QDOT_18_SCALES a, b, room // d of blocks 0 .. 3 to words 0, 9, 18, 27, of 4 .. 7 two on; one on for the second row
    vmovdqu16 zmm0, zmmword ptr [\a]
    vmovdqu16 zmm0 {k1}, zmmword ptr [\b - 2]
    vmovdqu16 zmm0 {k2}, zmmword ptr [\a + 72 - 4]
    vmovdqu16 zmm0 {k3}, zmmword ptr [\b + 72 - 6]
    vpermw  zmm0, zmm26, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

// ---- groups of 16, a row a vector; ROW_SCALES \d, \r, \at of the format makes those of row r, by lanes
//
//   zmm16  bytes in the order of lanes       room: scales, 64 bytes a row, at 448

.macro GK_QDOT_16_DATA              // the first 64 bytes of the constants of the format
L(data):
.rept 4
    .byte   0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15
.endr
.endm

.macro GK_QDOT_16_SETUP
    vmovdqa64 zmm16, zmmword ptr [DATA]
.endm

.macro GK_QDOT_16 d, bytes          // the block; OFFSET \d of the format makes zmm3, what offsets take, from sums of X
    GK_QDOT_AHEAD \bytes
    GK_QDOT_CODES
    GK_QDOT_16_OF_CODES \d
.endm

.macro GK_QDOT_16_OF_CODES d, factors=-1    // \factors: constants that scales are multiplied with
    mov     rax, rdx
    lea     r11, [rdi + 896]
L(input\d):
    GK_QDOT_DOTS \d, -1, OFFSET
    GK_QDOT_16_SCALES \d, \factors
    GK_QDOT_16_ADD
    add     rdx, qword ptr [rdi + 88]
    GK_QDOT_INPUTS L(input\d)
    mov     rdx, rax
.endm

.macro GK_QDOT_16_SCALES d, factors // zmm0, zmm1, zmm2, zmm17 = scales of the rows and of x
    vmovups zmm3, zmmword ptr [rdx + 256*\d + 64]
.if \factors >= 0
    vmulps  zmm3, zmm3, zmmword ptr [DATA + \factors]
.endif
    vmulps  zmm0, zmm3, zmmword ptr [rdi + 448]
    vmulps  zmm1, zmm3, zmmword ptr [rdi + 448 + 64]
    vmulps  zmm2, zmm3, zmmword ptr [rdi + 448 + 128]
    vmulps  zmm17, zmm3, zmmword ptr [rdi + 448 + 192]
.endm

.macro GK_QDOT_16_ADD               // to the sums of an input
    vcvtdq2ps zmm8, zmm8
    vcvtdq2ps zmm9, zmm9
    vcvtdq2ps zmm10, zmm10
    vcvtdq2ps zmm11, zmm11
    vfmadd213ps zmm8, zmm0, zmmword ptr [r11]
    vfmadd213ps zmm9, zmm1, zmmword ptr [r11 + 64]
    vfmadd213ps zmm10, zmm2, zmmword ptr [r11 + 128]
    vfmadd213ps zmm11, zmm17, zmmword ptr [r11 + 192]
    vmovaps zmmword ptr [r11], zmm8
    vmovaps zmmword ptr [r11 + 64], zmm9
    vmovaps zmmword ptr [r11 + 128], zmm10
    vmovaps zmmword ptr [r11 + 192], zmm11
.endm

.macro GK_QDOT_HALVES at            // floats at 704: the two f16 at \at of the next block of each row
    vmovd   xmm0, dword ptr [N0 + \at]
    vpinsrd xmm0, xmm0, dword ptr [N1 + \at], 1
    vpinsrd xmm0, xmm0, dword ptr [N2 + \at], 2
    vpinsrd xmm0, xmm0, dword ptr [N3 + \at], 3
    vcvtph2ps ymm0, xmm0
    vmovups ymmword ptr [rdi + 704], ymm0
.endm

// ---- two bits a code, in 64 bytes: 32 by 32 of them bits 0, 2, 4, 6 of 32 bytes. Codes stay where they are.

.macro GK_QDOT_2BIT_DATA            // 384 bytes at 64 n: shifts, masks, places
    .long   0, 4, 0, 4, 0, 4, 0, 4, 2, 6, 2, 6, 2, 6, 2, 6
.rept 4
    .long   0x03030303, 0x30303030                                          // 64
.endr
.rept 4
    .long   0x0c0c0c0c, 0xc0c0c0c0
.endr
    .long   0, 0, 8, 8, 4, 4, 12, 12, 0, 0, 8, 8, 4, 4, 12, 12              // 128  quads 0 of lanes
    .long   1, 1, 9, 9, 5, 5, 13, 13, 1, 1, 9, 9, 5, 5, 13, 13              // 192  quads 1
    .long   2, 2, 10, 10, 6, 6, 14, 14, 2, 2, 10, 10, 6, 6, 14, 14          // 256  quads 2
    .long   3, 3, 11, 11, 7, 7, 15, 15, 3, 3, 11, 11, 7, 7, 15, 15          // 320  quads 3
.endm

.macro GK_QDOT_2BIT_SETUP at        // zmm24 = masks
    vmovdqa64 zmm24, zmmword ptr [DATA + \at + 64]
.endm

.macro GK_QDOT_2BIT from, at
    vmovdqu64 zmm0, zmmword ptr [\from]
    GK_QDOT_2BIT_QUAD zmm4, \at + 128
    GK_QDOT_2BIT_QUAD zmm5, \at + 192
    GK_QDOT_2BIT_QUAD zmm6, \at + 256
    GK_QDOT_2BIT_QUAD zmm7, \at + 320
.endm

.macro GK_QDOT_2BIT_QUAD to, at
    vmovdqa64 \to, zmmword ptr [DATA + \at]
    vpermd  \to, \to, zmm0
    vpandd  \to, \to, zmm24
.endm

// ---- the six-bit scales and offsets of Q4_K and Q5_K, whose blocks begin with f16 d, dmin and these in 12 bytes a, b, c of
//      four each: sc[0 .. 3] in the low bits of a, mn[0 .. 3] of b, the low bits of sc[4 .. 7] and mn[4 .. 7] in the halves
//      of c, their high bits in the high ones of a and b

.macro GK_QDOT_6BIT_DATA top        // the first 664 bytes of the constants
L(data):
.rept 4
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15                    // 0  a c b c
.endr
.rept 4
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11                    // 64  . a . b
.endr
.rept 4
    .long   0, 0, 0, 4                                                                  // 128  shifts of a c b c
.endr
.rept 4
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f                              // 192  and their masks
.endr
.rept 2
    .byte   0, -1, -1, -1, 2, -1, -1, -1, 4, -1, -1, -1, 6, -1, -1, -1                  // 256  sc, of two rows
    .byte   1, -1, -1, -1, 3, -1, -1, -1, 5, -1, -1, -1, 7, -1, -1, -1
.endr
.rept 2
    .byte   8, -1, -1, -1, 10, -1, -1, -1, 12, -1, -1, -1, 14, -1, -1, -1               // 320  mn
    .byte   9, -1, -1, -1, 11, -1, -1, -1, 13, -1, -1, -1, 15, -1, -1, -1
.endr
    .long   0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2                              // 384  d of rows 0 and 1
    .long   1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3                              // 448  dmin
    .long   4, 4, 4, 4, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6, 6, 6                              // 512  d of rows 2 and 3
    .long   5, 5, 5, 5, 5, 5, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7                              // 576  dmin
    .long   0, 4, 8, 12                                                                 // 640  the first of each block
    .long   0x30303030                                                                  // 656
    .float  \top                                                                        // 660
.endm

.macro GK_QDOT_6BIT_SETUP           // k3, k4, k5 = blocks 1, 2, 3
    mov     eax, 0x00f0
    kmovd   k3, eax
    mov     eax, 0x0f00
    kmovd   k4, eax
    mov     eax, 0xf000
    kmovd   k5, eax
.endm

.macro GK_QDOT_6BIT d, bytes, shifts=-1     // the block; scales between codes: neither need wait for the other
    GK_QDOT_AHEAD \bytes
    CODES   W0
    GK_QDOT_KEEP zmm18, zmm19, zmm20, zmm21
    GK_QDOT_6BIT_BYTES
    CODES   W1
    GK_QDOT_KEEP zmm12, zmm13, zmm14, zmm15
    GK_QDOT_6BIT_SCALES 0x50, 384
    CODES   W3
    GK_QDOT_KEEP zmm28, zmm29, zmm30, zmm31
    GK_QDOT_6BIT_ZEROS \d, 448
    GK_QDOT_6BIT_SCALES 0xfa, 512
    CODES   W2
    GK_QDOT_6BIT_ZEROS \d, 640
    GK_QDOT_PAIRS_OF_CODES UNSIGNED, \d, 0, \shifts
.endm

.macro GK_QDOT_6BIT_BYTES           // zmm8 = sc[8] mn[8] of each row, ymm9 = d dmin d dmin ..
    vmovdqu xmm8, xmmword ptr [W0]                      // d dmin a b c of each row
    vmovdqu32 zmm8 {k3}, zmmword ptr [W1 - 16]
    vmovdqu32 zmm8 {k4}, zmmword ptr [W2 - 32]
    vmovdqu32 zmm8 {k5}, zmmword ptr [W3 - 48]
    vmovdqa xmm9, xmmword ptr [DATA + 640]
    vpermd  zmm9, zmm9, zmm8
    vpshufb zmm10, zmm8, zmmword ptr [DATA + 64]
    vpshufb zmm8, zmm8, zmmword ptr [DATA + 0]
    vcvtph2ps ymm9, xmm9
    vpsrld  zmm10, zmm10, 2                             // high bits: a >> 2, b >> 2
    vpsrlvd zmm8, zmm8, zmmword ptr [DATA + 128]        // low bits: a, c, b, c >> 4
    vpandd  zmm8, zmm8, zmmword ptr [DATA + 192]
    vpternlogd zmm8, zmm10, dword ptr [DATA + 656]{1to16}, 0xf8
.endm

.macro GK_QDOT_6BIT_SCALES rows, at // zmm10 = s, zmm11 = m, zmm17 = m / s; rows as a shuffle that has each twice
    vshufi32x4 zmm10, zmm8, zmm8, \rows
    vmovdqa64 zmm17, zmmword ptr [DATA + \at]
    vmovdqa64 zmm16, zmmword ptr [DATA + \at + 64]
    vpshufb zmm11, zmm10, zmmword ptr [DATA + 320]
    vpshufb zmm10, zmm10, zmmword ptr [DATA + 256]
    vpermps zmm17, zmm17, zmm9
    vpermps zmm16, zmm16, zmm9
    vcvtdq2ps zmm10, zmm10
    vcvtdq2ps zmm11, zmm11
    vmulps  zmm10, zmm10, zmm17                         // d sc
    vmulps  zmm11, zmm11, zmm16                         // dmin mn
    vdivps  zmm17, zmm11, zmm10
.endm

.macro GK_QDOT_6BIT_ZEROS d, room   // z = round(m / s), and what is stored
    vpxord  zmm16, zmm16, zmm16
    vmaxps  zmm17, zmm17, zmm16                         // NaN is 0
    vminps  zmm17, zmm17, dword ptr [DATA + 660]{1to16}
    vcvtps2dq zmm17, zmm17
    vcvtdq2ps zmm16, zmm17
    vmovaps zmmword ptr [rdi + \room], zmm10
    vfmsub231ps zmm11, zmm16, zmm10                     // rest = z s - m
.if \d == 3
    vpslld  zmm16, zmm17, 26
    vpord   zmm17, zmm17, zmm16
.endif
    vmovdqa64 zmmword ptr [rdi + \room + 64], zmm17
    vmovaps zmmword ptr [rdi + \room + 128], zmm11
.endm

// ---- the function

.macro GK_QDOT_ROWS d, bytes, by    // all rows: BLOCK \d for a block of the four, then HEAD \d for scales of the next
    .set    L(d), \d
L(digits\d):
    mov     rax, qword ptr [rdi]
    HEAD    \d
L(row\d):
    mov     rsi, qword ptr [rdi]
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 48]
    mov     rax, qword ptr [rdi + 8]
    add     rax, rsi
    cmp     qword ptr [rdi + 24], 1
    cmove   rax, rsi
    mov     qword ptr [rdi + 424], rax
L(chain\d):
    mov     r10d, 16
    .balign 32
L(block\d):
    BLOCK   \d
    lea     rax, [rsi + \bytes]
    cmp     rcx, 1
    cmove   rax, qword ptr [rdi + 424]
    HEAD    \d
    mov     rsi, rax
    add     rdx, 256*\d + 512
    dec     rcx
    jz      L(end\d)
    dec     r10d
    jnz     L(block\d)
L(end\d):
    lea     r11, [rdi + 896]
    test    rcx, rcx
    jz      L(last\d)
L(fold\d):
    GK_QDOT_FOLD \by
    vmovapd ymmword ptr [r11 + 256], ymm0
    GK_QDOT_INPUTS L(fold\d)
    jmp     L(chain\d)
L(last\d):
    mov     rdx, qword ptr [rdi + 56]
    mov     r10, qword ptr [rdi + 64]
    mov     rax, qword ptr [rdi + 96]
    shl     r10, 2
    lea     rcx, [r10 + 2*r10]
L(store\d):
    GK_QDOT_FOLD \by
    GK_QDOT_STORE
    lea     rdx, [rdx + 4*rax]
    GK_QDOT_INPUTS L(store\d)
    add     qword ptr [rdi + 56], 4
    mov     r11, qword ptr [rdi + 8]
    add     qword ptr [rdi], r11
    dec     qword ptr [rdi + 24]
    jnz     L(row\d)
    GK_RETURN
.endm

.macro GK_QDOT_FUNC name, bytes, by, more    // the function, from SETUP, HEAD and BLOCK, and \more \d, out of line;
GK_FUNC \name, 1                            // its sums are by LANES or by GROUPS
    mov     r8, qword ptr [rdi + 16]
    lea     r9, [r8 + 2*r8]
    imul    rax, qword ptr [rdi + 80], 320
    lea     rax, [rdi + rax + 896]
    mov     qword ptr [rdi + 432], rax
    lea     r11, [rdi + 896]
L(open):
    GK_QDOT_OPEN \by
    vmovapd ymmword ptr [r11 + 256], ymm3
    GK_QDOT_INPUTS L(open)
    SETUP
    cmp     qword ptr [rdi + 40], 1
    je      L(digits1)
.irp d, 3, 1
    GK_QDOT_ROWS \d, \bytes, \by
.ifnb \more
    \more \d
.endif
.endr
GK_ENDFUNC \name
.endm

#endif
