// gk_qpack_avx512vnni.h -- what strips of rows by a few rows of x have in common.                        AVX-512 VNNI
//
//   void gk_qpack_avx512vnni_FORMAT_16(struct DotJob* job);      the job is used up
//
//   y[i * y_row + 16 s + r] = row r of strip s . row i of x, for up to sixteen rows of x, in fixed point of 1 or 3 digits
//
//   job:  0 strips   24 how many   32 blocks   40 digits   48 x   56 y   80 inputs   88 x_bytes   96 y_row
//         448 room: of the format, for a block
//         896 of each input, 192 bytes apart: float sum[16], of a block; double total[16]
//
//   A strip, for each 256 of k: a head; then in each step of 64 of k scales and codes, a row in each double word. x, for each
//   step: int8 digit[D][64], from the highest; 32 bytes of sums and scales. Layouts: packed rows, section [15].
//
//   rdi  job          rsi  the strip           zmm0 .. zmm5    sums of two groups, by digits
//   rcx  blocks left  rdx  x, rax that of an   zmm6 .. zmm9    free
//   r8   steps left        input               zmm10 .. zmm15  scales of two groups
//   r9   the end of inputs, r10 x_bytes        zmm16 .. zmm31  codes of a step, first those of the first group
//   r11  an input
//
//   Sums of a step are exact, by the lanes of rows. Sixteen FMA at most are a chain, which is added up in double: the order of
//   the twin.
//
//   Budgets are for one row of x, and count micro-operations on vector ports; copies, zeros and broadcasts from memory are none.

#include "../gk_asm.h"
#ifdef __x86_64__

#define DATA rip + L(data)           // the constants of the format

// ---- sums of codes times digits, of two groups: sums 0, 1, 2 of the first by digits, 3, 4, 5 of the second; of one digit 0
//      and 3 of codes, 1 and 4 of those that are further to the left

.macro GK_QPACK_CLEAR
.irp r, 0, 1, 2, 3, 4, 5
    vpxor   xmm\r, xmm\r, xmm\r
.endr
.endm

.macro GK_QPACK_START d, at, to     // the sums begin with integers that x has for groups: what offsets take
    GK_QPACK_CLEAR
.if \d == 3
    vpbroadcastd zmm2, dword ptr [rax + \at]
    vpbroadcastd zmm5, dword ptr [rax + \to]
.else
    vpbroadcastd zmm1, dword ptr [rax + \at]
    vpbroadcastd zmm4, dword ptr [rax + \to]
.endif
.endm

.macro GK_QPACK_DOT sum, code, at
    vpdpbusd zmm\sum, zmm\code, dword ptr [rax + \at]{1to16}
.endm

.macro GK_QPACK_FOURS a, at, b, to  // three digits of four codes of each group, those of x at \at and \to
    GK_QPACK_DOT 0, \a, \at
    GK_QPACK_DOT 3, \b, \to
    GK_QPACK_DOT 1, \a, \at + 64
    GK_QPACK_DOT 4, \b, \to + 64
    GK_QPACK_DOT 2, \a, \at + 128
    GK_QPACK_DOT 5, \b, \to + 128
.endm

.macro GK_QPACK_PAIRS a, c, at, b, d, to, next      // one digit, of \a, \b and, \next on, of \c, \d, which are further left
    GK_QPACK_DOT 0, \a, \at
    GK_QPACK_DOT 3, \b, \to
    GK_QPACK_DOT 1, \c, \at + \next
    GK_QPACK_DOT 4, \d, \to + \next
.endm

.macro GK_QPACK_JOIN s0, s1, s2     // \s0 = 65536 \s0 + 256 \s1 + \s2
    vpslld  \s0, \s0, 8
    vpaddd  \s0, \s0, \s1
    vpslld  \s0, \s0, 8
    vpaddd  \s0, \s0, \s2
.endm

// ---- nibbles

.macro GK_QPACK_NIBBLES d, r, h, at // of one digit the low ones to zmm\r; of three all of a byte; 16 times the high to zmm\h
.if \d == 3
    vmovdqu64 zmm\r, zmmword ptr [rsi + \at]
    vpandnd zmm\h, zmm9, zmm\r
.else
    vmovdqu64 zmm\h, zmmword ptr [rsi + \at]
    vpandd  zmm\r, zmm9, zmm\h
    vpandnd zmm\h, zmm9, zmm\h
.endif
.endm

.macro GK_QPACK_NIBBLES_OF_STEP d, at, mask     // 512 bytes: two groups of 32
    vpbroadcastd zmm9, dword ptr [DATA + \mask]
    GK_QPACK_NIBBLES \d, 16, 20, \at
    GK_QPACK_NIBBLES \d, 17, 21, \at + 64
    GK_QPACK_NIBBLES \d, 18, 22, \at + 128
    GK_QPACK_NIBBLES \d, 19, 23, \at + 192
    GK_QPACK_NIBBLES \d, 24, 28, \at + 256
    GK_QPACK_NIBBLES \d, 25, 29, \at + 320
    GK_QPACK_NIBBLES \d, 26, 30, \at + 384
    GK_QPACK_NIBBLES \d, 27, 31, \at + 448
.endm

.macro GK_QPACK_LEVELS_DATA         // 16 bytes: the levels of IQ4 formats, plus 128
    .byte   1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241
.endm

.macro GK_QPACK_LEVELS r, h, at     // of the low nibbles to zmm\r, of the high to zmm\h; zmm8: levels
    vmovdqu64 zmm\h, zmmword ptr [rsi + \at]
    vpandd  zmm\r, zmm9, zmm\h
    vpsrld  zmm\h, zmm\h, 4
    vpshufb zmm\r, zmm8, zmm\r
    vpandd  zmm\h, zmm9, zmm\h
    vpshufb zmm\h, zmm8, zmm\h
.endm

.macro GK_QPACK_LEVELS_OF_STEP at, mask, levels     // 512 bytes: two groups of 32
    vpbroadcastd zmm9, dword ptr [DATA + \mask]
    vbroadcasti32x4 zmm8, xmmword ptr [DATA + \levels]
    GK_QPACK_LEVELS 16, 20, \at
    GK_QPACK_LEVELS 17, 21, \at + 64
    GK_QPACK_LEVELS 18, 22, \at + 128
    GK_QPACK_LEVELS 19, 23, \at + 192
    GK_QPACK_LEVELS 24, 28, \at + 256
    GK_QPACK_LEVELS 25, 29, \at + 320
    GK_QPACK_LEVELS 26, 30, \at + 384
    GK_QPACK_LEVELS 27, 31, \at + 448
.endm

.macro GK_QPACK_SUMS d              // of two groups of 32
.if \d == 3
    GK_QPACK_FOURS 16, 0, 24, 32
    GK_QPACK_FOURS 17, 4, 25, 36
    GK_QPACK_FOURS 18, 8, 26, 40
    GK_QPACK_FOURS 19, 12, 27, 44
    GK_QPACK_FOURS 20, 16, 28, 48
    GK_QPACK_FOURS 21, 20, 29, 52
    GK_QPACK_FOURS 22, 24, 30, 56
    GK_QPACK_FOURS 23, 28, 31, 60
.else
    GK_QPACK_PAIRS 16, 20, 0, 24, 28, 32, 16
    GK_QPACK_PAIRS 17, 21, 4, 25, 29, 36, 16
    GK_QPACK_PAIRS 18, 22, 8, 26, 30, 40, 16
    GK_QPACK_PAIRS 19, 23, 12, 27, 31, 44, 16
.endif
.endm

.macro GK_QPACK_SUMS_OF_16 d, digits, a0, a1, a2, a3, b0, b1, b2, b3    // of two groups of 16, whose digits are at \digits
.if \d == 3
    GK_QPACK_FOURS \a0, \digits, \b0, \digits + 16
    GK_QPACK_FOURS \a1, \digits + 4, \b1, \digits + 20
    GK_QPACK_FOURS \a2, \digits + 8, \b2, \digits + 24
    GK_QPACK_FOURS \a3, \digits + 12, \b3, \digits + 28
.else
    GK_QPACK_PAIRS \a0, \a1, \digits, \b0, \b1, \digits + 16, 4
    GK_QPACK_PAIRS \a2, \a3, \digits + 8, \b2, \b3, \digits + 24, 4
.endif
.endm

// ---- a group that has a scale and no more: its sums, of one digit \shift apart, to zmm7; x has a float for it

.macro GK_QPACK_GROUP d, shift, at, s0, s1, s2, scale
.if \d == 3
    GK_QPACK_JOIN \s0, \s1, \s2
.else
.if \shift
    vpslld  \s0, \s0, \shift
.endif
    vpaddd  \s0, \s0, \s1
.endif
    vcvtdq2ps \s0, \s0
    vmulps  zmm8, \scale, dword ptr [rax + \at]{1to16}
    vfmadd231ps zmm7, \s0, zmm8
.endm

.macro GK_QPACK_HALF_SCALES         // zmm10, zmm13 = f16 of two groups
    vcvtph2ps zmm10, ymmword ptr [rsi]
    vcvtph2ps zmm13, ymmword ptr [rsi + 32]
.endm

.macro GK_QPACK_TIMES from, by, to  // room at \to = zmm\from times a constant, for the block
    vmulps  zmm2, zmm\from, dword ptr [DATA + \by]{1to16}
    vmovaps zmmword ptr [rdi + \to], zmm2
.endm

// ---- scales and offsets of six bits, in words | sc << 4 | mn << 10; room: d / 16, 2^19 d, dmin / 1024, 2^13 dmin

.macro GK_QPACK_SIX_BITS_HEAD at    // what makes the room so is at \at
    vcvtph2ps zmm0, ymmword ptr [rsi]
    vcvtph2ps zmm1, ymmword ptr [rsi + 32]
    GK_QPACK_TIMES 0, \at, 448
    GK_QPACK_TIMES 0, \at + 4, 512
    GK_QPACK_TIMES 1, \at + 8, 576
    GK_QPACK_TIMES 1, \at + 12, 640
.endm

.macro GK_QPACK_SIX_BITS_STEP at    // 2^23, and where sc and mn are, at \at
    vmovaps zmm0, zmmword ptr [rdi + 448]
    vmovaps zmm1, zmmword ptr [rdi + 512]
    vmovaps zmm2, zmmword ptr [rdi + 576]
    vmovaps zmm3, zmmword ptr [rdi + 640]
    vpbroadcastd zmm4, dword ptr [DATA + \at]
    vpbroadcastd zmm5, dword ptr [DATA + \at + 4]
    vpbroadcastd zmm6, dword ptr [DATA + \at + 8]
.endm

.macro GK_QPACK_SIX_BITS s, rest    // both hold words; zmm9: z
    vpternlogd \s, zmm4, zmm5, 0xec
    vpternlogd \rest, zmm4, zmm6, 0xec
    vfmsub132ps \s, zmm1, zmm0                          // d sc
    vfnmadd132ps \rest, zmm3, zmm2                      // - dmin mn
    vfmadd231ps \rest, zmm9, \s
.endm

.macro GK_QPACK_OFFSET_GROUP d, shift, at, s0, s1, s2, s, rest, zeros     // one that has an offset: rest, and whole steps
    vfmadd231ps zmm7, \rest, dword ptr [rax + \at + 4]{1to16}
.if \d == 3
    vpdpwssd \s2, \zeros, dword ptr [rax + \at + 8]{1to16}
.else
    vpdpwssd \s1, \zeros, dword ptr [rax + \at + 8]{1to16}
.endif
    GK_QPACK_GROUP \d, \shift, \at, \s0, \s1, \s2, \s
.endm

.macro GK_QPACK_OFFSET_GROUPS d, shift      // both of a step
    GK_QPACK_CLEAR
    GK_QPACK_SUMS \d
    GK_QPACK_OFFSET_GROUP \d, \shift, 64*\d, zmm0, zmm1, zmm2, zmm10, zmm11, zmm12
    GK_QPACK_OFFSET_GROUP \d, \shift, 64*\d + 16, zmm3, zmm4, zmm5, zmm13, zmm14, zmm15
.endm

.macro GK_QPACK_SCALE to, at        // floats of sixteen bytes of the step
    vpmovsxbd \to, xmmword ptr [rsi + \at]
    vcvtdq2ps \to, \to
.endm

.macro GK_QPACK_GROUPS_OF_16 d, shift       // all four of a step, scales in zmm10 .. zmm13
    GK_QPACK_START \d, 64*\d + 4, 64*\d + 12
    GK_QPACK_SUMS_OF_16 \d, 0, 16, 17, 18, 19, 20, 21, 22, 23
    GK_QPACK_GROUP \d, \shift, 64*\d, zmm0, zmm1, zmm2, zmm10
    GK_QPACK_GROUP \d, \shift, 64*\d + 8, zmm3, zmm4, zmm5, zmm11
    GK_QPACK_START \d, 64*\d + 20, 64*\d + 28
    GK_QPACK_SUMS_OF_16 \d, 32, 24, 25, 26, 27, 28, 29, 30, 31
    GK_QPACK_GROUP \d, \shift, 64*\d + 16, zmm0, zmm1, zmm2, zmm12
    GK_QPACK_GROUP \d, \shift, 64*\d + 24, zmm3, zmm4, zmm5, zmm13
.endm

.macro GK_QPACK_GROUPS d, shift     // both groups of a step, of blocks of 32
    GK_QPACK_START \d, 64*\d + 4, 64*\d + 20
    GK_QPACK_SUMS \d
    GK_QPACK_GROUP \d, \shift, 64*\d, zmm0, zmm1, zmm2, zmm10
    GK_QPACK_GROUP \d, \shift, 64*\d + 16, zmm3, zmm4, zmm5, zmm13
.endm

// ---- the function

.macro GK_QPACK_STRIPS d, head, step, by    // HEAD \d for 256 of k, STEP \d for codes and scales, INPUT \d for sums to zmm7
L(strip\d):
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 48]
    lea     r11, [rdi + 896]
    vpxor   xmm0, xmm0, xmm0
L(open\d):
    vmovaps zmmword ptr [r11], zmm0
    vmovaps zmmword ptr [r11 + 64], zmm0
    vmovaps zmmword ptr [r11 + 128], zmm0
    GK_QPACK_INPUTS L(open\d)
L(block\d):
    HEAD    \d
.if \head
    add     rsi, \head
.endif
    mov     r8d, 4
    .balign 32
L(step\d):
    GK_QPACK_AHEAD \head/4 + \step
    STEP    \d
    lea     r11, [rdi + 896]
    mov     rax, rdx
L(input\d):
    vmovaps zmm7, zmmword ptr [r11]
    INPUT   \d
    vmovaps zmmword ptr [r11], zmm7
    add     rax, r10
    GK_QPACK_INPUTS L(input\d)
    add     rsi, \step
    add     rdx, 64*\d + 32
    dec     r8d
    jnz     L(step\d)
    GK_QPACK_FOLD \d, \by
    dec     rcx
    jnz     L(block\d)
    GK_QPACK_STORE \d
    add     qword ptr [rdi + 56], 64
    dec     qword ptr [rdi + 24]
    jnz     L(strip\d)
    GK_RETURN
.endm

.macro GK_QPACK_INPUTS label        // the end of a loop over inputs
    add     r11, 192
    cmp     r11, r9
    jb      \label
.endm

.macro GK_QPACK_FOLD d, by          // totals += sums, which are 0 then; by SCALED they are times 16 floats of the room
    lea     r11, [rdi + 896]
    vpxor   xmm2, xmm2, xmm2
L(fold\d):
.ifc \by, SCALED
    vmovaps ymm0, ymmword ptr [r11]
    vmovaps ymm1, ymmword ptr [r11 + 32]
    vmulps  ymm0, ymm0, ymmword ptr [rdi + 448]
    vmulps  ymm1, ymm1, ymmword ptr [rdi + 480]
    vcvtps2pd zmm0, ymm0
    vcvtps2pd zmm1, ymm1
.else
    vcvtps2pd zmm0, ymmword ptr [r11]
    vcvtps2pd zmm1, ymmword ptr [r11 + 32]
.endif
    vaddpd  zmm0, zmm0, zmmword ptr [r11 + 64]
    vaddpd  zmm1, zmm1, zmmword ptr [r11 + 128]
    vmovaps zmmword ptr [r11], zmm2
    vmovapd zmmword ptr [r11 + 64], zmm0
    vmovapd zmmword ptr [r11 + 128], zmm1
    GK_QPACK_INPUTS L(fold\d)
.endm

.macro GK_QPACK_STORE d
    mov     rdx, qword ptr [rdi + 56]
    mov     rax, qword ptr [rdi + 96]
    lea     r11, [rdi + 896]
L(store\d):
    vcvtpd2ps ymm0, zmmword ptr [r11 + 64]
    vcvtpd2ps ymm1, zmmword ptr [r11 + 128]
    vmovups ymmword ptr [rdx], ymm0
    vmovups ymmword ptr [rdx + 32], ymm1
    lea     rdx, [rdx + 4*rax]
    GK_QPACK_INPUTS L(store\d)
.endm

.macro GK_QPACK_AHEAD bytes         // so many further on are fetched
    .set    L(line), 8192
.rept (\bytes + 63) / 64
    prefetcht0 byte ptr [rsi + L(line)]
    .set    L(line), L(line) + 64
.endr
.endm

.macro GK_QPACK_FUNC name, head, step, by   // the function, from HEAD, STEP and INPUT; its sums are WHOLE or to be SCALED
GK_FUNC \name, 1
    imul    r9, qword ptr [rdi + 80], 192
    lea     r9, [rdi + r9 + 896]
    mov     r10, qword ptr [rdi + 88]
    mov     rsi, qword ptr [rdi]
    cmp     qword ptr [rdi + 40], 1
    je      L(strip1)
    GK_QPACK_STRIPS 3, \head, \step, \by
    GK_QPACK_STRIPS 1, \head, \step, \by
GK_ENDFUNC \name
.endm

#endif
