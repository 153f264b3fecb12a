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
//   r10  pairs of A, r11 of B    rax  times four pairs left
//   k1   steps left              k2   row, k3 panel to prefetch     k4   a, k5 t of row 0     rdi  rows left
//
//                b[0..15]  b[16..31]
//                zmm0      zmm1
//   a[0]   zmm2  zmm4      zmm5          16 sums of 8 rows from zero, over four steps: 128 products in one chain, the
//   a[1]   zmm3  zmm6      zmm7          odd one of a pair before the even; then they are t, or added to it. The last
//    ...                                 rows, if no more than 4, are taken alone.
//   a[7]   zmm3  zmm18     zmm19         Subnormal operands and results count as zero.
//
//   A pair of 8 rows is 16 products of 32 multiply-adds: one a cycle on Zen 4, 16 cycles. B is fetched into L2 16 steps
//   ahead, for it may come from memory.

#include "../gk_asm.h"
#ifdef __x86_64__

.macro PAIR r, x, lo, hi
    vpbroadcastd \x, dword ptr [r10 + 64*\r + PAIR_AT]
    vdpbf16ps \lo, zmm0, \x
    vdpbf16ps \hi, zmm1, \x
.endm

.macro ADD_T r, x, lo, hi
    vaddps  \lo, \lo, zmmword ptr [rcx + 128*\r]
    vaddps  \hi, \hi, zmmword ptr [rcx + 128*\r + 64]
.endm

.macro TO_T r, x, lo, hi
    vmovups zmmword ptr [rcx + 128*\r], \lo
    vmovups zmmword ptr [rcx + 128*\r + 64], \hi
.endm

.macro CLEAR r, x, lo, hi
    vpxord  \lo, \lo, \lo
    vpxord  \hi, \hi, \hi
.endm

.macro ROWS op, count               // \op row, x, sums left and right
    \op     0, zmm2, zmm4,  zmm5
    \op     1, zmm3, zmm6,  zmm7
    \op     2, zmm2, zmm8,  zmm9
    \op     3, zmm3, zmm10, zmm11
.if \count > 4
    \op     4, zmm2, zmm12, zmm13
    \op     5, zmm3, zmm14, zmm15
    \op     6, zmm2, zmm16, zmm17
    \op     7, zmm3, zmm18, zmm19
.endif
.endm

.macro BLOCK count                  // of rows, up to four steps
    ROWS    CLEAR, \count
    mov     r10, rsi
    mov     r11, rdx
    kmovq   rax, k1
    cmp     rax, 4
    jb      L(few\count)
    mov     eax, 4
L(few\count):
    shl     eax, 2
    .balign 32
L(pairs\count):
.set PAIR_AT, 0
.rept 4
    vmovdqu64 zmm0, zmmword ptr [r11 + 16*PAIR_AT]
    vmovdqu64 zmm1, zmmword ptr [r11 + 16*PAIR_AT + 1024]
    prefetcht1 byte ptr [r11 + 16*PAIR_AT + 32768]
    prefetcht1 byte ptr [r11 + 16*PAIR_AT + 32768 + 1024]
    ROWS    PAIR, \count
.set PAIR_AT, PAIR_AT + 4
.endr
    add     r10, 16
    add     r11, 256
    dec     eax
    test    al, 3
    jnz     L(pairs\count)
    add     r10, 2048 - 64
    add     r11, 1024
    test    eax, eax
    jnz     L(pairs\count)
    test    r8, r8
    jz      L(first\count)
    ROWS    ADD_T, \count
L(first\count):
    ROWS    TO_T, \count
.endm

GK_FUNC gk_gemm_avx512bf16_32x32, 6
    test    rdi, rdi
    jz      L(nothing)
    kmovq   k1, rdi
    kmovq   k2, qword ptr [r9]
    kmovq   k3, qword ptr [r9 + 16]
    kmovq   k5, rcx

    // ---- four steps of k
L(steps):
    kmovq   r10, k2
    kmovq   r11, k3
    mov     rax, qword ptr [r9 + 8]
.rept 4
    prefetcht0 byte ptr [r10]
    prefetcht0 byte ptr [r10 + 64]
    prefetcht1 byte ptr [r11]
    prefetcht1 byte ptr [r11 + 64]
    prefetcht1 byte ptr [r11 + 128]
    prefetcht1 byte ptr [r11 + 192]
    add     r10, rax
    add     r11, 256
.endr
    kmovq   k2, r10
    kmovq   k3, r11
    kmovq   k4, rsi
    mov     rdi, qword ptr [r9 + 24]
    .balign 32
L(rows):
    cmp     rdi, 4
    jbe     L(four)
    BLOCK   8
    add     rsi, 512
    add     rcx, 1024
    sub     rdi, 8
    ja      L(rows)
    jmp     L(next)
L(four):
    BLOCK   4
L(next):
    kmovq   rsi, k4
    kmovq   rcx, k5
    mov     r8d, 1
    add     rsi, 4*2048
    add     rdx, 4*2048
    kmovq   rax, k1
    sub     rax, 4
    kmovq   k1, rax
    ja      L(steps)
    GK_RETURN

    // ---- no depth
L(nothing):
    test    r8, r8
    jnz     L(done)
    vpxord  zmm0, zmm0, zmm0
    xor     eax, eax
L(clear):
    vmovups zmmword ptr [rcx + rax], zmm0
    add     eax, 64
    cmp     eax, 4096
    jne     L(clear)
L(done):
    GK_RETURN
GK_ENDFUNC gk_gemm_avx512bf16_32x32

#endif
