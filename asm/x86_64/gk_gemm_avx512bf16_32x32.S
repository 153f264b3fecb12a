// gk_gemm_avx512bf16_32x32 -- C[32][32] = A B on packed panels of bf16, sums in f32.                     AVX-512 F, BF16
//
//   void gk_gemm_avx512bf16_32x32(size_t steps, const uint16_t* a, const uint16_t* b,
//                                 float* t, size_t accumulate, const void* ahead);
//
//   The panels of gk_gemm_amx_bf16_32x32, without tiles.
//
//   rdi  steps   depth / 32, 0 allowed        A panel: per step two times 16 rows of C, 32 elements of each in order of
//   rsi  a       advances 2 KiB per step               k; B panel: per step two times 16 columns, 16 times the pairs
//   rdx  b       advances 2 KiB per step               k = 2j, 2j+1 of each column
//   rcx  t       [32][32]
//   r8   accumulate  0: t is written and not read. Else t += A B
//   r9   ahead   {row, stride, panel, rows}: what each step prefetches, 128 bytes of a row and 256 of the next panel of
//                A; and how many rows of t are wanted, 1 .. 32
//   r10  pairs of A, r11 of B    rax  pairs left
//
//                b[0..15]  b[16..31]
//                zmm0      zmm1
//   a[0]   zmm2  zmm4      zmm5          22 sums of 11 rows from zero, over two steps: 64 products in one chain, the odd
//   a[1]   zmm3  zmm6      zmm7          one of a pair before the even; then they are added to t. Rows are taken 11, 11
//    ...                                 and 10 at a time.
//   a[10]  zmm2  zmm24     zmm25         Subnormal operands and results count as zero.
//
//   A pair of 11 rows is 22 products of 32 multiply-adds: one a cycle on Zen 4, 22 cycles.

#include "../gk_asm.h"
#ifdef __x86_64__

.macro PAIR r, x, lo, hi
    vpbroadcastd \x, dword ptr [r10 + 1024*(\r/16) + 64*(\r%16)]
    vdpbf16ps \lo, zmm0, \x
    vdpbf16ps \hi, zmm1, \x
.endm

.macro TO_T r, x, lo, hi
    vaddps  \lo, \lo, zmmword ptr [rcx + 128*\r]
    vaddps  \hi, \hi, zmmword ptr [rcx + 128*\r + 64]
    vmovups zmmword ptr [rcx + 128*\r], \lo
    vmovups zmmword ptr [rcx + 128*\r + 64], \hi
.endm

.macro CLEAR r, x, lo, hi
    vpxord  \lo, \lo, \lo
    vpxord  \hi, \hi, \hi
.endm

.macro ROWS op, first, count        // \op row, x, sums left and right
    \op     (\first + 0), zmm2, zmm4,  zmm5
    \op     (\first + 1), zmm3, zmm6,  zmm7
    \op     (\first + 2), zmm2, zmm8,  zmm9
    \op     (\first + 3), zmm3, zmm10, zmm11
    \op     (\first + 4), zmm2, zmm12, zmm13
    \op     (\first + 5), zmm3, zmm14, zmm15
    \op     (\first + 6), zmm2, zmm16, zmm17
    \op     (\first + 7), zmm3, zmm18, zmm19
    \op     (\first + 8), zmm2, zmm20, zmm21
    \op     (\first + 9), zmm3, zmm22, zmm23
.if \count > 10
    \op     (\first + 10), zmm2, zmm24, zmm25
.endif
.endm

.macro PAIRS first, count           // of one step
    mov     eax, 4
    .balign 32
L(pairs\first\@):
    .rept 4
    vmovdqu64 zmm0, zmmword ptr [r11]
    vmovdqu64 zmm1, zmmword ptr [r11 + 1024]
    ROWS    PAIR, \first, \count
    add     r10, 4
    add     r11, 64
    .endr
    dec     eax
    jnz     L(pairs\first\@)
.endm

.macro BLOCK first, count           // of rows, one or two steps
    ROWS    CLEAR, \first, \count
    mov     r10, rsi
    mov     r11, rdx
    PAIRS   \first, \count
    cmp     rdi, 1
    je      L(added\first)
    lea     r10, [rsi + 2048]
    lea     r11, [rdx + 2048]
    PAIRS   \first, \count
L(added\first):
    ROWS    TO_T, \first, \count
.endm

.macro AHEAD at
    prefetcht0 byte ptr [r10]
    prefetcht0 byte ptr [r10 + 64]
    prefetcht1 byte ptr [r11 + \at]
    prefetcht1 byte ptr [r11 + \at + 64]
    prefetcht1 byte ptr [r11 + \at + 128]
    prefetcht1 byte ptr [r11 + \at + 192]
.endm

GK_FUNC gk_gemm_avx512bf16_32x32, 6
    test    r8, r8
    jnz     L(sums)
    vpxord  zmm0, zmm0, zmm0
    xor     eax, eax
L(clear):
    vmovups zmmword ptr [rcx + rax], zmm0
    add     eax, 64
    cmp     eax, 4096
    jne     L(clear)
L(sums):
    test    rdi, rdi
    jz      L(done)
    xor     r8d, r8d                    // steps ahead

    // ---- two steps of k
L(steps):
    mov     r10, qword ptr [r9 + 8]
    imul    r10, r8
    add     r10, qword ptr [r9]
    mov     r11, r8
    shl     r11, 8
    add     r11, qword ptr [r9 + 16]
    AHEAD   0
    cmp     rdi, 1
    je      L(last)
    add     r10, qword ptr [r9 + 8]
    AHEAD   256
L(last):
    BLOCK   0, 11
    cmp     qword ptr [r9 + 24], 11
    jbe     L(next)
    BLOCK   11, 11
    cmp     qword ptr [r9 + 24], 22
    jbe     L(next)
    BLOCK   22, 10
L(next):
    add     r8, 2
    add     rsi, 4096
    add     rdx, 4096
    sub     rdi, 2
    ja      L(steps)
L(done):
    GK_RETURN
GK_ENDFUNC gk_gemm_avx512bf16_32x32

#endif
