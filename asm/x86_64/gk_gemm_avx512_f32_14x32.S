// gk_gemm_avx512_f32_14x32 -- C[14][32] = A B, or += A B, on packed panels.                        AVX-512 F
//
//   void gk_gemm_avx512_f32_14x32(size_t k, const float* a, const float* b,
//                                 float* c, size_t ldc, size_t accumulate);
//
//   rdi  k           depth, 0 allowed               A panel: k columns of 14 floats
//   rsi  a           advances 56 bytes per step     B panel: k rows of 32 floats
//   rdx  b           advances 128 bytes per step
//   rcx  c           top left of the tile           r10  the row of C to prefetch or write
//   r8   ldc         floats between rows of C; bytes once inside
//   r9   accumulate  0: C is written and not read. Else: C += the tile
//   rax  steps that prefetch, then groups of four
//
//              b[0..15]  b[16..31]
//              zmm0      zmm1
//   a[0]  zmm2 zmm4      zmm5        28 accumulators from zero, one FMA each per step in order of k;
//   a[1]  zmm3 zmm6      zmm7        2 vectors of B and 2 alternating broadcasts of A:
//    ...                             all 32 zmm registers are in use.
//   a[13] zmm3 zmm30     zmm31
//
//   A step is 28 FMA on 2 ports = 14 cycles, and 16 loads on 2 ports = 8 cycles; 44 micro-operations.
//   (A broadcast inside each FMA would be 30 loads, 15 cycles.) The first 14 steps prefetch one row of C each,
//   a trickle that the line fill buffers can take beside the panels.

#include "../gk_asm.h"
#ifdef __x86_64__

.macro ROW r, at, t, lo, hi         // one row of the tile, one step of k
    vbroadcastss \t, dword ptr [rsi + 56*\at + 4*\r]
    vfmadd231ps  \lo, \t, zmm0
    vfmadd231ps  \hi, \t, zmm1
.endm

.macro STEP at                      // step number \at from where the panels stand
    vmovups zmm0, zmmword ptr [rdx + 128*\at]
    vmovups zmm1, zmmword ptr [rdx + 128*\at + 64]
    prefetcht0 byte ptr [rsi + 56*\at + 1024]
    ROW 0,  \at, zmm2, zmm4,  zmm5
    ROW 1,  \at, zmm3, zmm6,  zmm7
    ROW 2,  \at, zmm2, zmm8,  zmm9
    ROW 3,  \at, zmm3, zmm10, zmm11
    ROW 4,  \at, zmm2, zmm12, zmm13
    ROW 5,  \at, zmm3, zmm14, zmm15
    ROW 6,  \at, zmm2, zmm16, zmm17
    ROW 7,  \at, zmm3, zmm18, zmm19
    ROW 8,  \at, zmm2, zmm20, zmm21
    ROW 9,  \at, zmm3, zmm22, zmm23
    ROW 10, \at, zmm2, zmm24, zmm25
    ROW 11, \at, zmm3, zmm26, zmm27
    ROW 12, \at, zmm2, zmm28, zmm29
    ROW 13, \at, zmm3, zmm30, zmm31
.endm

.macro EACH_ROW op                  // \op left half, right half, for rows 0 .. 13
    \op zmm4,  zmm5
    \op zmm6,  zmm7
    \op zmm8,  zmm9
    \op zmm10, zmm11
    \op zmm12, zmm13
    \op zmm14, zmm15
    \op zmm16, zmm17
    \op zmm18, zmm19
    \op zmm20, zmm21
    \op zmm22, zmm23
    \op zmm24, zmm25
    \op zmm26, zmm27
    \op zmm28, zmm29
    \op zmm30, zmm31
.endm

.macro CLEAR lo, hi
    vpxord  \lo, \lo, \lo
    vpxord  \hi, \hi, \hi
.endm

.macro STORE_C lo, hi
    vmovups zmmword ptr [r10], \lo
    vmovups zmmword ptr [r10 + 64], \hi
    add     r10, r8
.endm

.macro ADD_TO_C lo, hi
    vaddps  \lo, \lo, zmmword ptr [r10]
    vaddps  \hi, \hi, zmmword ptr [r10 + 64]
    STORE_C \lo, \hi
.endm

GK_FUNC gk_gemm_avx512_f32_14x32, 6
    shl     r8, 2
    mov     r10, rcx
    EACH_ROW CLEAR

    // ---- min(k, 14) + (rest of k) % 4 steps, one at a time
    mov     eax, 14
    cmp     rdi, rax
    cmovb   rax, rdi
    sub     rdi, rax                // left after the prefetching steps
    mov     r11d, edi
    and     r11d, 3
    add     rax, r11
    jz      L(write)
    .balign 32
L(one):
    STEP    0
    prefetcht0 byte ptr [r10]
    prefetcht0 byte ptr [r10 + 64]
    add     r10, r8
    add     rsi, 56
    add     rdx, 128
    dec     rax
    jnz     L(one)

    // ---- four steps of k
    shr     rdi, 2
    jz      L(write)
    .balign 32
L(four):
    STEP    0
    STEP    1
    STEP    2
    STEP    3
    add     rsi, 4*56
    add     rdx, 4*128
    dec     rdi
    jnz     L(four)

    // ---- write the tile
L(write):
    mov     r10, rcx
    test    r9, r9
    jnz     L(add)
    EACH_ROW STORE_C
    GK_RETURN
L(add):
    EACH_ROW ADD_TO_C
    GK_RETURN
GK_ENDFUNC gk_gemm_avx512_f32_14x32

#endif
