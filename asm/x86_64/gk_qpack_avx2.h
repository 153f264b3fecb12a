// gk_qpack_avx2.h -- what strips of rows by a few rows of x have in common.                 AVX2 FMA F16C, AVX-VNNI or not
//
//   void gk_qpack_avx2_FORMAT_8(struct DotJob* job);            the job is used up
//   void gk_qpack_avxvnni_FORMAT_8(struct DotJob* job);         the same, where GK_QPACK_VNNI is defined
//
//   y[i * y_row + 8 s + r] = row r of strip s . row i of x, for up to sixteen rows of x, in fixed point of 1 or 3 digits
//
//   job:  0 strips   24 how many   32 blocks   40 digits   48 x   56 y   80 inputs   88 x_bytes   96 y_row
//         8 x_bytes less a block of x     128 room of the format, for a block
//         192 of each input, 64 bytes apart: double total[8]
//
//   A strip, for each 256 of k: a head; then in each step of 64 of k scales and codes, a row in each double word. x, for each
//   step: int8 digit[D][64], from the highest; 32 bytes of sums and scales. Layouts: packed rows, section [15].
//
//   rdi  job          rsi  the strip         ymm0 .. ymm2    sums of digit 2, 1 and 0, or of one: words, of AVX-VNNI integers
//   rcx  blocks left  rdx  x, rax that of    ymm3, ymm4      codes, which are bytes without sign
//   r8   steps left        an input          ymm5 .. ymm9    free
//   r9   the end of inputs                   ymm10 .. ymm14  of the format: for a block, and masks
//   r11  an input                            ymm15           sums of a block
//
//   Of three digits |digit| <= 64, of one 127: how many pairs of products fit words, the kernel says. Sums of a group are
//   exact, by the lanes of rows. Sixteen FMA at most are a chain, which is added up in double: the order of the twin.

#include "../gk_asm.h"
#ifdef __x86_64__

#define DATA rip + L(data)           // the constants of the format
#define COMMON rip + L(common)

// ---- sums of codes times digits
//
//   GK_QPACK_BY d, digit, first, codes, at          four of k: \codes are bytes of codes
//   GK_QPACK_JOIN d                                 ymm0 = sums in 32 bits, of all digits

#ifdef GK_QPACK_VNNI

.macro GK_QPACK_BY d, digit, first, codes, at
    vpbroadcastd ymm5, dword ptr [rax + 64*\digit + \at]
.if \first
    vpxor   xmm\digit, xmm\digit, xmm\digit
.endif
    {vex} vpdpbusd ymm\digit, \codes, ymm5
.endm

.macro GK_QPACK_JOIN d, bits=7
.if \d == 3
    vpslld  ymm0, ymm0, \bits
    vpaddd  ymm0, ymm0, ymm1
    vpslld  ymm0, ymm0, \bits
    vpaddd  ymm0, ymm0, ymm2
.endif
.endm

#else

.macro GK_QPACK_BY d, digit, first, codes, at
    vpbroadcastd ymm5, dword ptr [rax + 64*\digit + \at]
.if \first
    vpmaddubsw ymm\digit, \codes, ymm5
.else
    vpmaddubsw ymm5, \codes, ymm5
    vpaddw  ymm\digit, ymm\digit, ymm5
.endif
.endm

.macro GK_QPACK_JOIN d
.if \d == 3
    vpmaddwd ymm0, ymm0, ymmword ptr [COMMON]
    vpmaddwd ymm1, ymm1, ymmword ptr [COMMON + 32]
    vpmaddwd ymm2, ymm2, ymmword ptr [COMMON + 64]
    vpaddd  ymm0, ymm0, ymm1
    vpaddd  ymm0, ymm0, ymm2
.else
    vpmaddwd ymm0, ymm0, ymmword ptr [COMMON + 64]
.endif
.endm

#endif

.macro GK_QPACK_DOT d, codes, at, first=0
    GK_QPACK_BY \d, 0, \first, \codes, \at
.if \d == 3
    GK_QPACK_BY \d, 1, \first, \codes, \at
    GK_QPACK_BY \d, 2, \first, \codes, \at
.endif
.endm

// ---- nibbles

.macro GK_QPACK_NIBBLES d, codes, at, first=0       // a byte has codes of k and k + 16; ymm14: fifteens
    vmovdqu ymm4, ymmword ptr [rsi + \codes]
    vpand   ymm3, ymm4, ymm14
    vpsrlw  ymm4, ymm4, 4
    vpand   ymm4, ymm4, ymm14
    GK_QPACK_DOT \d, ymm3, \at, \first
    GK_QPACK_DOT \d, ymm4, \at + 16
.endm

.macro GK_QPACK_NIBBLE_GROUP d, codes, at           // ymm0 = the sums of a group of 32
    GK_QPACK_NIBBLES \d, \codes, \at, 1
    GK_QPACK_NIBBLES \d, \codes + 32, \at + 4
    GK_QPACK_NIBBLES \d, \codes + 64, \at + 8
    GK_QPACK_NIBBLES \d, \codes + 96, \at + 12
    GK_QPACK_JOIN \d
.endm

// ---- a group that has a scale and no more: its sums are in ymm0; x has a float for it, and what its offset takes

.macro GK_QPACK_GROUP at, scale
    vcvtdq2ps ymm0, ymm0
    vbroadcastss ymm5, dword ptr [rax + \at]
    vmulps  ymm5, \scale, ymm5
    vfmadd231ps ymm15, ymm0, ymm5
.endm

.macro GK_QPACK_START at
    vpbroadcastd ymm5, dword ptr [rax + \at + 4]
    vpaddd  ymm0, ymm0, ymm5
.endm

.macro GK_QPACK_GROUP_OF_16 at, scale       // \scale: signed bytes of the step
    vpmovsxbd ymm6, qword ptr [rsi + \scale]
    GK_QPACK_START \at
    vcvtdq2ps ymm6, ymm6
    GK_QPACK_GROUP \at, ymm6
.endm

// ---- formats may have: four constants in registers; a block that is scaled as a whole, by d in ymm10

.macro GK_QPACK_MASKS
    vmovdqa ymm11, ymmword ptr [DATA]
    vmovdqa ymm12, ymmword ptr [DATA + 32]
    vmovdqa ymm13, ymmword ptr [DATA + 64]
    vmovdqa ymm14, ymmword ptr [DATA + 96]
.endm

.macro GK_QPACK_D
    vcvtph2ps ymm10, xmmword ptr [rsi]
.endm

.macro GK_QPACK_TIMES_D
    vmulps  ymm15, ymm15, ymm10
.endm

// ---- scales and offsets of six bits, in words z | sc << 4 | mn << 10

.macro GK_QPACK_SIX_BITS_HEAD       // ymm10 .. ymm13 = d / 16, 2^19 d, dmin / 1024, 2^13 dmin
    vcvtph2ps ymm0, xmmword ptr [rsi]
    vcvtph2ps ymm1, xmmword ptr [rsi + 16]
    vmulps  ymm10, ymm0, ymmword ptr [COMMON + 96]
    vmulps  ymm11, ymm0, ymmword ptr [COMMON + 128]
    vmulps  ymm12, ymm1, ymmword ptr [COMMON + 160]
    vmulps  ymm13, ymm1, ymmword ptr [COMMON + 192]
.endm

.macro GK_QPACK_SIX_BITS_GROUP at, words, z         // the sums of a group are in ymm0
    vcvtdq2ps ymm5, \z
    vbroadcastss ymm6, dword ptr [rax + \at + 12]
    vpmulld \z, \z, ymm6
    vpand   ymm7, \words, ymmword ptr [COMMON + 256]
    vpand   ymm8, \words, ymmword ptr [COMMON + 288]
    vpor    ymm7, ymm7, ymmword ptr [COMMON + 224]
    vpor    ymm8, ymm8, ymmword ptr [COMMON + 224]
    vfmsub132ps ymm7, ymm11, ymm10                      // s = d sc
    vfnmadd132ps ymm8, ymm13, ymm12                     // - dmin mn
    vfmadd231ps ymm8, ymm5, ymm7                        // the rest
    vbroadcastss ymm5, dword ptr [rax + \at + 4]
    vfmadd231ps ymm15, ymm8, ymm5
    vpaddd  ymm0, ymm0, \z
    GK_QPACK_GROUP \at, ymm7
.endm

// ---- the function

.macro GK_QPACK_STRIPS d, head, step, block, open, fold
L(strip\d):
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 48]
    lea     r11, [rdi + 192]
    vpxor   xmm0, xmm0, xmm0
L(open\d):
    vmovaps ymmword ptr [r11], ymm0
    vmovaps ymmword ptr [r11 + 32], ymm0
    GK_QPACK_INPUTS L(open\d)
L(block\d):
    \block
    add     rsi, \head
    mov     rax, rdx
    lea     r11, [rdi + 192]
L(input\d):
    vpxor   xmm15, xmm15, xmm15
    \open
    mov     r8d, 4
    .balign 32
L(step\d):
    GK_QPACK_AHEAD \head/4 + \step
    STEP    \d
    add     rsi, \step
    add     rax, 64*\d + 32
    dec     r8d
    jnz     L(step\d)
    \fold
    vextractf128 xmm1, ymm15, 1
    vcvtps2pd ymm0, xmm15
    vcvtps2pd ymm1, xmm1
    vaddpd  ymm0, ymm0, ymmword ptr [r11]
    vaddpd  ymm1, ymm1, ymmword ptr [r11 + 32]
    vmovapd ymmword ptr [r11], ymm0
    vmovapd ymmword ptr [r11 + 32], ymm1
    sub     rsi, 4*\step
    add     rax, qword ptr [rdi + 8]
    GK_QPACK_INPUTS L(input\d)
    add     rsi, 4*\step
    add     rdx, 4*(64*\d + 32)
    dec     rcx
    jnz     L(block\d)
    mov     rdx, qword ptr [rdi + 56]
    mov     rax, qword ptr [rdi + 96]
    lea     r11, [rdi + 192]
L(store\d):
    vcvtpd2ps xmm0, ymmword ptr [r11]
    vcvtpd2ps xmm1, ymmword ptr [r11 + 32]
    vmovups xmmword ptr [rdx], xmm0
    vmovups xmmword ptr [rdx + 16], xmm1
    lea     rdx, [rdx + 4*rax]
    GK_QPACK_INPUTS L(store\d)
    add     qword ptr [rdi + 56], 32
    dec     qword ptr [rdi + 24]
    jnz     L(strip\d)
    GK_RETURN
.endm

.macro GK_QPACK_INPUTS label        // the end of a loop over inputs
    add     r11, 64
    cmp     r11, r9
    jb      \label
.endm

.macro GK_QPACK_AHEAD bytes         // so many further on are fetched
    .set    L(line), 0
.rept (\bytes + 63) / 64
    prefetcht0 byte ptr [rsi + 8192 + L(line)]
    .set    L(line), L(line) + 64
.endr
.endm

// The function, from CONSTANTS and STEP d. What else a format has are names of macros, or nothing: `setup` for all, `block`
// for what a block begins with, `open` for an input, `fold` for its sums of a block.
.macro GK_QPACK_FUNC name, head, step, setup, block, open, fold
GK_CONST \name\()_data
L(common):
    .fill   16, 2, 16384                                                //   0  digits
    .fill   16, 2, 128                                                  //  32
    .fill   16, 2, 1                                                    //  64
    .fill   8, 4, 0x3d800000                                            //  96  1 / 16
    .fill   8, 4, 0x49000000                                            // 128  2^19
    .fill   8, 4, 0x3a800000                                            // 160  1 / 1024
    .fill   8, 4, 0x46000000                                            // 192  2^13
    .fill   8, 4, 0x4b000000                                            // 224  2^23
    .fill   8, 4, 0x3f0                                                 // 256  where sc and mn are
    .fill   8, 4, 0xfc00                                                // 288
L(data):
    CONSTANTS
GK_FUNC \name, 1
    mov     r9,  qword ptr [rdi + 80]
    shl     r9,  6
    lea     r9,  [rdi + r9 + 192]
    mov     rsi, qword ptr [rdi]
    \setup
    mov     rax, qword ptr [rdi + 88]
    cmp     qword ptr [rdi + 40], 1
    je      L(one)
    sub     rax, 4*(3*64 + 32)
    mov     qword ptr [rdi + 8], rax
    GK_QPACK_STRIPS 3, \head, \step, \block, \open, \fold
L(one):
    sub     rax, 4*(64 + 32)
    mov     qword ptr [rdi + 8], rax
    GK_QPACK_STRIPS 1, \head, \step, \block, \open, \fold
GK_ENDFUNC \name
.endm

#endif
