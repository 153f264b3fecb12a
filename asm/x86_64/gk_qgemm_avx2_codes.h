// gk_qgemm_avx2_codes.h -- the microkernel of panels of codes, G = 4 QUADS of k to a scale.    AVX2 FMA, AVX-VNNI or not
//
//   void name(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);
//
//   t[r][c] = sum over groups of   d[r] * s[c] * (65536 n2 + 256 n1 + n0),   n = start[c] + sum of x[.][r] * w[.][c]
//
//   rdi  groups   0 allowed                 x: per digit, the highest first, uint8 [groups][QUADS][rows][4]: digits + 128,
//   rsi  digits   1 .. 3                       four consecutive k of a row together; then float d[groups][rows]
//   rdx  rows     1 .. 6                    codes: int8 [groups][QUADS][16][4], four consecutive k of a column together;
//   rcx  x                                     then per group int32 start[16] = -128 sum of w, float s[16]
//   r8   codes
//   r9   t        [rows][16], written; the [rows][16] behind it are the kernel's own
//
//   rsi  d    rax  bytes of a digit of x    r10  the digit of the group    rdx  where r10 ends    r11  starts
//
//             w[0..7]  w[8..15]
//             ymm0     ymm1
//   x[0] ymm2 ymm4     ymm5          12 sums of a digit, exact, from start[c]; sums of digits, floats, wait in the room
//   x[1] ymm3 ymm6     ymm7          behind t. 2 vectors of W and 2 alternating broadcasts of four x: all 16 registers are
//    ...                             in use.
//   x[5] ymm3 ymm14    ymm15
//
//   Without AVX-VNNI (GK_CODES_VNNI undefined) products are of ymm2 with W, in ymm2 and ymm3, and two of them are added in
//   16 bits: |w| <= 64, so that they are at most 2 . 255 . 64.

#include "../gk_asm.h"
#ifdef __x86_64__

.macro GK_CODES_ROWS rows, op, args:vararg  // \op row, sums of a digit, x for each
    \op 0, ymm4,  ymm5,  ymm2, \rows, \args
.if \rows > 1
    \op 1, ymm6,  ymm7,  ymm3, \rows, \args
.endif
.if \rows > 2
    \op 2, ymm8,  ymm9,  ymm2, \rows, \args
.endif
.if \rows > 3
    \op 3, ymm10, ymm11, ymm3, \rows, \args
.endif
.if \rows > 4
    \op 4, ymm12, ymm13, ymm2, \rows, \args
.endif
.if \rows > 5
    \op 5, ymm14, ymm15, ymm3, \rows, \args
.endif
.endm

.macro GK_CODES_CLEAR r, lo, hi, x, rows, args:vararg
    vmovups ymmword ptr [r9 + 64*\r], ymm0
    vmovups ymmword ptr [r9 + 64*\r + 32], ymm0
.endm

.macro GK_CODES_START r, lo, hi, x, rows, args:vararg
    vmovdqu \lo, ymmword ptr [r11]
    vmovdqu \hi, ymmword ptr [r11 + 32]
.endm

#ifdef GK_CODES_VNNI
.macro GK_CODES_DOT r, lo, hi, x, rows, quad                // n += x w, four k
    vpbroadcastd \x, dword ptr [r10 + 4*\rows*\quad + 4*\r]
    {vex} vpdpbusd \lo, \x, ymm0
    {vex} vpdpbusd \hi, \x, ymm1
.endm
#else
.macro GK_CODES_DOT r, lo, hi, x, rows, quad
    vpbroadcastd ymm2, dword ptr [r10 + 4*\rows*\quad + 4*\r]
    vpmaddubsw ymm3, ymm2, ymm0
    vpmaddubsw ymm2, ymm2, ymm1
    vpmaddwd ymm3, ymm3, ymmword ptr [L(ones) + rip]
    vpmaddwd ymm2, ymm2, ymmword ptr [L(ones) + rip]
    vpaddd  \lo, \lo, ymm3
    vpaddd  \hi, \hi, ymm2
.endm
#endif

.macro GK_CODES_FIRST r, lo, hi, x, rows, args:vararg       // f = n
    vcvtdq2ps \lo, \lo
    vcvtdq2ps \hi, \hi
.endm

.macro GK_CODES_KEEP r, lo, hi, x, rows, args:vararg
    vmovups ymmword ptr [r9 + 64*(\rows + \r)], \lo
    vmovups ymmword ptr [r9 + 64*(\rows + \r) + 32], \hi
.endm

.macro GK_CODES_NEXT r, lo, hi, x, rows, args:vararg        // f = 256 f + n
    vcvtdq2ps \lo, \lo
    vcvtdq2ps \hi, \hi
    vfmadd231ps \lo, ymm0, ymmword ptr [r9 + 64*(\rows + \r)]
    vfmadd231ps \hi, ymm0, ymmword ptr [r9 + 64*(\rows + \r) + 32]
.endm

.macro GK_CODES_ADD r, lo, hi, x, rows, args:vararg         // t += d s f
    vbroadcastss \x, dword ptr [rsi + 4*\r]
    vmulps  \lo, \lo, ymm0
    vmulps  \hi, \hi, ymm1
    vfmadd213ps \lo, \x, ymmword ptr [r9 + 64*\r]
    vfmadd213ps \hi, \x, ymmword ptr [r9 + 64*\r + 32]
    vmovups ymmword ptr [r9 + 64*\r], \lo
    vmovups ymmword ptr [r9 + 64*\r + 32], \hi
.endm

.macro GK_CODES_DIGIT rows, quads   // n = the sums of a digit
    GK_CODES_ROWS \rows, GK_CODES_START
    .irp quad, 0, 1, 2, 3, 4, 5, 6, 7
.if \quad < \quads
    vmovdqu ymm0, ymmword ptr [r8 + 64*\quad]
    vmovdqu ymm1, ymmword ptr [r8 + 64*\quad + 32]
    GK_CODES_ROWS \rows, GK_CODES_DOT, \quad
.endif
    .endr
    add     r10, rax
.endm

.macro GK_CODES_TILE rows, quads
L(rows\rows):
    vpxor   xmm0, xmm0, xmm0
    GK_CODES_ROWS \rows, GK_CODES_CLEAR
    test    rdi, rdi
    jz      L(done\rows)
    imul    rax, rdi, 4*\rows*\quads
    imul    rsi, rax
    add     rsi, rcx
    mov     rdx, rsi
    .balign 32
L(group\rows):
    mov     r10, rcx
    GK_CODES_DIGIT \rows, \quads
    GK_CODES_ROWS \rows, GK_CODES_FIRST
    cmp     r10, rdx
    jae     L(add\rows)
L(digit\rows):
    GK_CODES_ROWS \rows, GK_CODES_KEEP
    GK_CODES_DIGIT \rows, \quads
    vbroadcastss ymm0, dword ptr [L(base) + rip]
    GK_CODES_ROWS \rows, GK_CODES_NEXT
    cmp     r10, rdx
    jb      L(digit\rows)
L(add\rows):
    vmovups ymm0, ymmword ptr [r11 + 64]
    vmovups ymm1, ymmword ptr [r11 + 96]
    GK_CODES_ROWS \rows, GK_CODES_ADD
    add     rcx, 4*\rows*\quads
    add     rdx, 4*\rows*\quads
    add     rsi, 4*\rows
    add     r8, 64*\quads
    add     r11, 128
    dec     rdi
    jnz     L(group\rows)
L(done\rows):
    GK_RETURN
.endm

.macro GK_CODES_FUNC name, quads    // the function; its constants are before it
GK_CONST \name\()_data
#ifndef GK_CODES_VNNI
L(ones):
    .fill   16, 2, 1
#endif
L(base):
    .float  256
GK_FUNC \name, 6
    imul    r11, rdi, 64*\quads
    add     r11, r8
    .irp rows, 1, 2, 3, 4, 5
    cmp     rdx, \rows
    je      L(rows\rows)
    .endr
    .irp rows, 6, 5, 4, 3, 2, 1
    GK_CODES_TILE \rows, \quads
    .endr
GK_ENDFUNC \name
.endm

#endif
