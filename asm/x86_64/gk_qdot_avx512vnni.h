// gk_qdot_avx512vnni.h -- what rows of codes by one row of x have in common.                              AVX-512 VNNI
//
//   void gk_qdot_avx512vnni_FORMAT_4(struct DotJob* job);        the job is used up
//
//   y[s * y_segment + i] = row i of segment s of W . x, for four segments, x in fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         128 float sum[4][16]   384 double total[4]   416 chains left of the total   424 the next row   448 room: scales
//
//   x, a block of 256:  0      int8  digit 2, then for three digits uint8 digits 1 and 0, 256 each
//                       D 256  int16 minus[64][2]: -sum X of four = minus[0] + 512 minus[1]
//                       D 256 + 256  int32 start[64]: -128 sums of four of digit 2
//                       D 256 + 512  float scale[16], sum[16]
//
//   rdi  job          rsi  the block of segment 0         zmm0 .. zmm3, zmm7  free
//   rcx  blocks left  r8   bytes to segment 1, r9 to 3    zmm4, zmm5, zmm6    digits 2, 1, 0 of 64 of x
//   rdx  x            r10  blocks left of the chain       zmm8 .. zmm11       sums of the four rows, by lanes
//   rax  the next rsi, r11 the next rdx, from row to row too; the last row is followed by itself    others: of the format
//
//   Scales are made a block ahead, by HEAD, and kept in memory: they take long, and codes need not wait for them.
//
//   A lane is the sum of four code X: exact, from it comes what the offset takes; then one FMA. Four blocks are a chain of
//   FMA, four chains are added up as floats, these in double: the order of the twin, code_rows in section [14].
//
//   Nothing overflows: |code - z| <= 128 and |X| <= 63 2^16, so that four products are below 2^31, and what wraps on the
//   way comes back; minus[1] and 512 z, z <= 63, are within 32256.
//
//   Budgets count micro-operations on vector ports; copies, zeros and broadcasts from memory are none, gathered words one.

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

.macro GK_QDOT_EACH op              // \op row, its sums
    \op 0, zmm8
    \op 1, zmm9
    \op 2, zmm10
    \op 3, zmm11
.endm

.macro GK_QDOT_CLEAR r, acc
    vpxord  \acc, \acc, \acc
.endm

.macro GK_QDOT_OPEN r, acc          // no sums yet
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm0
    vmovsd  qword ptr [rdi + 384 + 8*\r], xmm0
.endm

.macro GK_QDOT_CHAIN r, acc         // sum[r] += the chain
    vaddps  \acc, \acc, zmmword ptr [rdi + 128 + 64*\r]
    vmovaps zmmword ptr [rdi + 128 + 64*\r], \acc
.endm

.macro GK_QDOT_FOLD r, acc          // total[r] += all lanes of sum[r] = 0
    vmovaps zmm0, zmmword ptr [rdi + 128 + 64*\r]
    vextractf64x4 ymm1, zmm0, 1
    vaddps  ymm0, ymm0, ymm1
    vextractf128 xmm1, ymm0, 1
    vaddps  xmm0, xmm0, xmm1
    vmovhlps xmm1, xmm0, xmm0
    vaddps  xmm0, xmm0, xmm1
    vmovshdup xmm1, xmm0
    vaddss  xmm0, xmm0, xmm1
    vcvtss2sd xmm0, xmm0, xmm0
    vaddsd  xmm0, xmm0, qword ptr [rdi + 384 + 8*\r]
    vmovsd  qword ptr [rdi + 384 + 8*\r], xmm0
    vpxord  zmm0, zmm0, zmm0
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm0
.endm

.macro GK_QDOT_STORE r, acc         // *r11 = total[r]; r11 += r10
    vcvtsd2ss xmm0, xmm0, qword ptr [rdi + 384 + 8*\r]
    vmovss  dword ptr [r11], xmm0
    add     r11, r10
.endm

.macro GK_QDOT_DIGITS d, h          // of 64 of x, the h-th
    vmovdqu64 zmm4, zmmword ptr [rdx + 64*\h]
.if \d == 3
    vmovdqu64 zmm5, zmmword ptr [rdx + 64*\h + 256]
    vmovdqu64 zmm6, zmmword ptr [rdx + 64*\h + 512]
.endif
.endm

.macro GK_QDOT_DOT d, codes         // zmm0 = sums of four codes X, codes 0 .. 127
    vpxor   xmm0, xmm0, xmm0
    vpdpbusd zmm0, \codes, zmm4
.if \d == 3
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm5, \codes
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm6, \codes
.endif
.endm

// ---- steps: 64 codes of a row, the h-th of the block at \at
//
//   CODES \d, \h, \at, \keep, \also of the format leaves them in zmm7. Registers \keep and, where groups are of 16, \also
//   are of the row, from step to step. A broadcast of 16 bytes or more from memory takes a shuffle on some processors: a
//   load to the lower half and a shift to the upper, from memory and under a mask, do not. What a mask leaves out is not
//   read.

.macro GK_QDOT_START d, h, shift    // zmm3 = -128 >> shift times sums of four of digit 2; shift -1: by the lanes of zmm31
.if \shift > 0
    vpsrad  zmm3, zmmword ptr [rdx + 256*\d + 256 + 64*\h], \shift
.else
    vmovdqu64 zmm3, zmmword ptr [rdx + 256*\d + 256 + 64*\h]
.endif
.if \shift < 0
    vpsravd zmm3, zmm3, zmm31
.endif
.endm

.macro GK_QDOT_SIGNED d, h, at, keep, also, groups, scale, zero, acc   // by zmm3 and, for three digits, zmm1 = codes - z
    CODES   \d, \h, \at, \keep, \also
    vmovdqa64 zmm0, zmm3
    vpdpbusd zmm0, zmm7, zmm4
.if \d == 3
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm5, zmm1
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm6, zmm1
.endif
    vpermps zmm2, \groups, \scale
    vcvtdq2ps zmm0, zmm0
    vfmadd231ps \acc, zmm0, zmm2
.endm

.macro GK_QDOT_UNSIGNED d, h, at, keep, also, groups, scale, zero, acc // a z for each group is taken back
    CODES   \d, \h, \at, \keep, \also
    vpermd  zmm1, \groups, \zero
    vpermps zmm2, \groups, \scale
    GK_QDOT_DOT \d, zmm7
    vpdpwssd zmm0, zmm1, zmmword ptr [rdx + 256*\d + 64*\h]
    vcvtdq2ps zmm0, zmm0
    vfmadd231ps \acc, zmm0, zmm2
.endm

.macro GK_QDOT_AHEAD bytes          // a later block of each row comes to the cache
    .set    L(line), 1024
.rept (\bytes + 63) / 64
    prefetcht0 byte ptr [W0 + L(line)]
    prefetcht0 byte ptr [W1 + L(line)]
    prefetcht0 byte ptr [W2 + L(line)]
    prefetcht0 byte ptr [W3 + L(line)]
    .set    L(line), L(line) + 64
.endr
.endm

// ---- groups of 32, two rows a vector; SCALES \a, \b, \room of the format makes those of the blocks at \a and \b
//
//   zmm12, zmm13  scales times those of x, row 0 | row 1 and row 2 | row 3    zmm26         scale of x, for two rows
//   zmm14, zmm15  (z, 512 z) of the same                                     zmm27 .. 30   kept, or of the format
//   zmm16 .. 19   groups 2h | 2h + 1 of the first row, h = 0 .. 3            zmm31         zeros
//   zmm20 .. 23   of the second                                              zmm24, zmm25  of the format
//
//   room: scale, (z, 512 z), rest of rows 0 | 1 at 448, of rows 2 | 3 at 640

.macro GK_QDOT_PAIRS_DATA           // the first 256 bytes of the constants of the format
L(data):
    .long   0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1          //   0  groups 0 | 1
    .long   0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14    //  64  every other, twice
    .long   0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7          // 128  each twice, of the first row
    .long   8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15          // 192  of the second
.endm

.macro GK_QDOT_PAIRS_SETUP
    mov     eax, 2
    vpbroadcastd zmm0, eax
    mov     eax, 8
    vpbroadcastd zmm1, eax
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpaddd  zmm17, zmm16, zmm0
    vpaddd  zmm18, zmm17, zmm0
    vpaddd  zmm19, zmm18, zmm0
    vpaddd  zmm20, zmm16, zmm1
    vpaddd  zmm21, zmm17, zmm1
    vpaddd  zmm22, zmm18, zmm1
    vpaddd  zmm23, zmm19, zmm1
    vpxord  zmm31, zmm31, zmm31
.endm

.macro GK_QDOT_PAIRS_HEAD d
    vmovdqa64 zmm0, zmmword ptr [DATA + 64]
    vpermps zmm26, zmm0, zmmword ptr [r11 + 256*\d + 512]
    SCALES  N0, N1, 448
    SCALES  N2, N3, 640
.endm

.macro GK_QDOT_REST d, room, each, acc      // of a row, to its sums
    vpermps zmm0, \each, zmmword ptr [rdi + \room + 128]
    vfmadd231ps \acc, zmm0, zmmword ptr [rdx + 256*\d + 576]
.endm

.macro GK_QDOT_PAIRS_STEP kind, d, h, first, second
    GK_QDOT_DIGITS \d, \h
    GK_QDOT_\kind \d, \h, W0, 27, 0, \first,  zmm12, zmm14, zmm8
    GK_QDOT_\kind \d, \h, W1, 28, 0, \second, zmm12, zmm14, zmm9
    GK_QDOT_\kind \d, \h, W2, 29, 0, \first,  zmm13, zmm15, zmm10
    GK_QDOT_\kind \d, \h, W3, 30, 0, \second, zmm13, zmm15, zmm11
.endm

.macro GK_QDOT_PAIRS_SIGNED d, bytes, shift // the block, codes - (128 >> shift)
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 640]
    GK_QDOT_AHEAD \bytes
    HEAD    \d
    GK_QDOT_START \d, 0, \shift
    GK_QDOT_PAIRS_STEP SIGNED, \d, 0, zmm16, zmm20
    GK_QDOT_START \d, 1, \shift
    GK_QDOT_PAIRS_STEP SIGNED, \d, 1, zmm17, zmm21
    GK_QDOT_START \d, 2, \shift
    GK_QDOT_PAIRS_STEP SIGNED, \d, 2, zmm18, zmm22
    GK_QDOT_START \d, 3, \shift
    GK_QDOT_PAIRS_STEP SIGNED, \d, 3, zmm19, zmm23
.endm

.macro GK_QDOT_PAIRS_UNSIGNED d, bytes      // the block, codes with zeros and rests
    vmovdqa64 zmm1, zmmword ptr [DATA + 128]
    vmovdqa64 zmm2, zmmword ptr [DATA + 192]
    GK_QDOT_REST \d, 448, zmm1, zmm8
    GK_QDOT_REST \d, 448, zmm2, zmm9
    GK_QDOT_REST \d, 640, zmm1, zmm10
    GK_QDOT_REST \d, 640, zmm2, zmm11
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 640]
    vmovdqa64 zmm14, zmmword ptr [rdi + 448 + 64]
    vmovdqa64 zmm15, zmmword ptr [rdi + 640 + 64]
    GK_QDOT_AHEAD \bytes
    HEAD    \d
    GK_QDOT_PAIRS_STEP UNSIGNED, \d, 0, zmm16, zmm20
    GK_QDOT_PAIRS_STEP UNSIGNED, \d, 1, zmm17, zmm21
    GK_QDOT_PAIRS_STEP UNSIGNED, \d, 2, zmm18, zmm22
    GK_QDOT_PAIRS_STEP UNSIGNED, \d, 3, zmm19, zmm23
.endm

.macro GK_QDOT_ZEROS top            // of zmm0 = s and zmm2 = m: z = round(m / s), 0 .. top, to zmm1, and the rest to zmm3
    vdivps  zmm3, zmm2, zmm0
    vmaxps  zmm3, zmm3, zmm31                           // NaN is 0
    vminps  zmm3, zmm3, dword ptr [DATA + \top]{1to16}
    vcvtps2dq zmm1, zmm3                                // z
    vcvtdq2ps zmm3, zmm1
    vfmsub213ps zmm3, zmm0, zmm2                        // rest = z s - m
.endm

.macro GK_QDOT_ZEROS_STORE room     // and s, of two rows
    vpslld  zmm2, zmm1, 25
    vmulps  zmm0, zmm0, zmm26
    vpord   zmm1, zmm1, zmm2                            // (z, 512 z)
    vmovaps zmmword ptr [rdi + \room], zmm0
    vmovdqa64 zmmword ptr [rdi + \room + 64], zmm1
    vmovaps zmmword ptr [rdi + \room + 128], zmm3
.endm

// ---- blocks of 32 weights, eight for 256: scales gathered by loads that put each word or double word in a place of its
//      own, between those before it; what a mask leaves out is not read
//
//   k7  the upper half of double words       zmm24  fifteens       zmm25  shifts 0 | 4 | 0 | 4
//   k1 .. k5  places, k6 fifth bits          zmm29  the order of places       zmm30  of the format

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

.macro GK_QDOT_NIBBLES a, b         // 64 codes: the low halves of 16 bytes, then the high halves, of two blocks
    vbroadcasti32x4 zmm7, xmmword ptr [\a]
    vbroadcasti32x4 zmm7 {k7}, xmmword ptr [\b]
    GK_QDOT_HALVE
.endm

.macro GK_QDOT_HALVE                // the same, where they are in zmm7, 16 bytes each twice
    vpsrlvw zmm7, zmm7, zmm25
    vpandd  zmm7, zmm7, zmm24
.endm

.macro GK_QDOT_LEVELS_DATA          // 20 bytes: the levels of IQ4 formats, plus 128
    .byte   1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241
    .byte   128, 128, 128, 128
.endm

.macro GK_QDOT_LEVELS_SETUP at
    vbroadcasti32x4 zmm30, xmmword ptr [DATA + \at]
    vpbroadcastd zmm31, dword ptr [DATA + \at + 16]
.endm

.macro GK_QDOT_LEVELS d             // the levels of nibbles
    vpshufb zmm7, zmm30, zmm7
.if \d == 3
    vpxord  zmm1, zmm7, zmm31
.endif
.endm

.macro GK_QDOT_FIFTH a, b           // plus zmm30 where a bit is set, of 32 for each block; uses rax and r11
    mov     eax, dword ptr [\a]
    mov     r11d, dword ptr [\b]
    shl     r11, 32
    or      rax, r11
    kmovq   k6, rax
    vpaddb  zmm7 {k6}, zmm7, zmm30
.endm

.macro GK_QDOT_HALF_SCALES room     // from d of two rows in ymm0
    vcvtph2ps zmm0, ymm0
    vmulps  zmm0, zmm0, zmm26
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

.macro GK_QDOT_18_DATA              // from byte 256 of the constants, for blocks of f16 d and 16 bytes of nibbles
    .word   0, 9, 18, 27, 2, 11, 20, 29, 1, 10, 19, 28, 3, 12, 21, 30   // 256  d of the first row, of the second
    .word   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
.endm

.macro GK_QDOT_18_SETUP
    GK_QDOT_NIBBLES_SETUP
    vmovdqa64 zmm29, zmmword ptr [DATA + 256]
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
    vpermw  zmm0, zmm29, zmm0
    GK_QDOT_HALF_SCALES \room
.endm

// ---- groups of 16, a row a vector; ROW_SCALES \d, \r, \at of the format makes those of row r
//
//   zmm12 .. zmm15  scales times those of x       zmm16 .. zmm19  groups 4h .. 4h + 3, h = 0 .. 3
//   zmm20 .. zmm23  kept, or (z, 512 z)           zmm27 .. zmm30  also kept, or of the format
//
//   room: scales, 64 bytes a row, at 448

.macro GK_QDOT_16_DATA              // the first 68 bytes of the constants of the format
L(data):
    .long   0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3          //  0  groups 0 .. 3
    .long   4                                                       // 64
.endm

.macro GK_QDOT_16_SETUP
    vpbroadcastd zmm0, dword ptr [DATA + 64]
    vmovdqa64 zmm16, zmmword ptr [DATA]
    vpaddd  zmm17, zmm16, zmm0
    vpaddd  zmm18, zmm17, zmm0
    vpaddd  zmm19, zmm18, zmm0
.endm

.macro GK_QDOT_16_STEP kind, d, h, groups
    GK_QDOT_DIGITS \d, \h
    GK_QDOT_\kind \d, \h, W0, 20, 27, \groups, zmm12, zmm20, zmm8
    GK_QDOT_\kind \d, \h, W1, 21, 28, \groups, zmm13, zmm21, zmm9
    GK_QDOT_\kind \d, \h, W2, 22, 29, \groups, zmm14, zmm22, zmm10
    GK_QDOT_\kind \d, \h, W3, 23, 30, \groups, zmm15, zmm23, zmm11
.endm

.macro GK_QDOT_16_SIGNED d, bytes, shift    // the block, codes - (128 >> shift)
    vmovaps zmm12, zmmword ptr [rdi + 448]
    vmovaps zmm13, zmmword ptr [rdi + 448 + 64]
    vmovaps zmm14, zmmword ptr [rdi + 448 + 128]
    vmovaps zmm15, zmmword ptr [rdi + 448 + 192]
    GK_QDOT_AHEAD \bytes
    HEAD    \d
    GK_QDOT_START \d, 0, \shift
    GK_QDOT_16_STEP SIGNED, \d, 0, zmm16
    GK_QDOT_START \d, 1, \shift
    GK_QDOT_16_STEP SIGNED, \d, 1, zmm17
    GK_QDOT_START \d, 2, \shift
    GK_QDOT_16_STEP SIGNED, \d, 2, zmm18
    GK_QDOT_START \d, 3, \shift
    GK_QDOT_16_STEP SIGNED, \d, 3, zmm19
.endm

.macro GK_QDOT_HALVES at            // floats at 704: the two f16 at \at of the next block of each row
    vmovd   xmm0, dword ptr [N0 + \at]
    vpinsrd xmm0, xmm0, dword ptr [N1 + \at], 1
    vpinsrd xmm0, xmm0, dword ptr [N2 + \at], 2
    vpinsrd xmm0, xmm0, dword ptr [N3 + \at], 3
    vcvtph2ps ymm0, xmm0
    vmovups ymmword ptr [rdi + 704], ymm0
.endm

// ---- the six-bit scales and offsets of Q4_K and Q5_K, whose blocks begin with f16 d, dmin and these in 12 bytes

.macro GK_QDOT_6BIT_DATA top        // from byte 256 of the constants
    .long   0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2                              // 256  d of two rows
    .long   1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3                              // 320  dmin
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15                    // 384  a c b c
    .byte   4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11                    // 416  . a . b
    .byte   -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11
    .long   0, 0, 0, 4, 0, 0, 0, 4                                                      // 448  shifts of a c b c
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f                              // 480  and their masks
    .long   0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f
    .long   0x30303030, 0x0f0f0f0f                                                      // 512
    .float  \top                                                                        // 520
.endm

.macro GK_QDOT_6BIT_SETUP           // zmm24 = fifteens, k1, k2 = the upper half of words, double words
    vpbroadcastd zmm24, dword ptr [DATA + 516]
    mov     eax, 0xffff0000
    kmovd   k1, eax
    mov     eax, 0xff00
    kmovd   k2, eax
.endm

.macro GK_QDOT_6BIT_LOW at          // 64 codes: the low halves of 32 bytes, then the high halves
    vmovdqu ymm7, ymmword ptr [\at]
    vpsrlw  zmm7 {k1}, zmmword ptr [\at - 32], 4
    vpandd  zmm7, zmm7, zmm24
.endm

.macro GK_QDOT_6BIT_SCALES a, b, room       // of the blocks at \a and \b: scale, zero, rest
    vmovdqu xmm0, xmmword ptr [\a]                      // d dmin a b c
    vinserti128 ymm0, ymm0, xmmword ptr [\b], 1
    vmovd   xmm1, dword ptr [\a]
    vpinsrd xmm1, xmm1, dword ptr [\b], 1
    vcvtph2ps xmm1, xmm1                                // d dmin d dmin
    vpshufb ymm2, ymm0, ymmword ptr [DATA + 416]
    vpshufb ymm0, ymm0, ymmword ptr [DATA + 384]
    vpsrld  ymm2, ymm2, 2                               // high bits: a >> 2, b >> 2
    vpsrlvd ymm0, ymm0, ymmword ptr [DATA + 448]        // low bits: a, c, b, c >> 4
    vpand   ymm0, ymm0, ymmword ptr [DATA + 480]
    vpternlogd ymm0, ymm2, dword ptr [DATA + 512]{1to8}, 0xf8
    vpermq  ymm0, ymm0, 0xd8                            // sc sc mn mn
    vextracti128 xmm2, ymm0, 1
    vpmovzxbd zmm0, xmm0
    vpmovzxbd zmm2, xmm2
    vcvtdq2ps zmm0, zmm0
    vcvtdq2ps zmm2, zmm2
    vmovdqa64 zmm3, zmmword ptr [DATA + 256]
    vpermps zmm3, zmm3, zmm1
    vmulps  zmm0, zmm0, zmm3                            // s = d sc
    vmovdqa64 zmm3, zmmword ptr [DATA + 320]
    vpermps zmm3, zmm3, zmm1
    vmulps  zmm2, zmm2, zmm3                            // m = dmin mn
    GK_QDOT_ZEROS 520
    GK_QDOT_ZEROS_STORE \room
.endm

// ---- the function

.macro GK_QDOT_NEXT d, bytes        // rax and r11; a BLOCK that needs them for its steps makes them again
    lea     rax, [rsi + \bytes]
    lea     r11, [rdx + 256*\d + 640]
    cmp     rcx, 1
    cmove   rax, qword ptr [rdi + 424]
    cmove   r11, qword ptr [rdi + 48]
.endm

.macro GK_QDOT_ROWS d, bytes        // all rows: BLOCK \d for a block of the four, HEAD \d for scales of the next
L(digits\d):
    mov     rax, qword ptr [rdi]
    mov     r11, qword ptr [rdi + 48]
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
    vpxord  zmm0, zmm0, zmm0
    GK_QDOT_EACH GK_QDOT_OPEN
L(total\d):
    mov     dword ptr [rdi + 416], 4
L(chain\d):
    GK_QDOT_EACH GK_QDOT_CLEAR
    mov     r10d, 4
    .balign 32
L(block\d):
    GK_QDOT_NEXT \d, \bytes
    BLOCK   \d
    mov     rsi, rax
    mov     rdx, r11
    dec     rcx
    jz      L(last\d)
    dec     r10d
    jnz     L(block\d)
    GK_QDOT_EACH GK_QDOT_CHAIN
    dec     dword ptr [rdi + 416]
    jnz     L(chain\d)
    GK_QDOT_EACH GK_QDOT_FOLD
    jmp     L(total\d)
L(last\d):
    GK_QDOT_EACH GK_QDOT_CHAIN
    GK_QDOT_EACH GK_QDOT_FOLD
    mov     r11, qword ptr [rdi + 56]
    mov     r10, qword ptr [rdi + 64]
    shl     r10, 2
    GK_QDOT_EACH GK_QDOT_STORE
    add     qword ptr [rdi + 56], 4
    mov     r11, qword ptr [rdi + 8]
    add     qword ptr [rdi], r11
    dec     qword ptr [rdi + 24]
    jnz     L(row\d)
    GK_RETURN
.endm

.macro GK_QDOT_FUNC name, bytes     // the function, from SETUP, HEAD and BLOCK
GK_FUNC \name, 1
    mov     r8, qword ptr [rdi + 16]
    lea     r9, [r8 + 2*r8]
    SETUP
    cmp     qword ptr [rdi + 40], 1
    je      L(digits1)
    GK_QDOT_ROWS 3, \bytes
    GK_QDOT_ROWS 1, \bytes
GK_ENDFUNC \name
.endm

#endif
