// gk_gemm_avx2_f32_6x16 -- C[6][16] = A B, or += A B, on packed panels.                            AVX2 FMA
//
//   void gk_gemm_avx2_f32_6x16(size_t k, const float* a, const float* b, const struct TileOfC* tile);
//
//   rdi  k           depth, 0 allowed               A panel: k columns of 6 floats
//   rsi  a           advances 24 bytes per step     B panel: k rows of 16 floats
//   rdx  b           advances 64 bytes per step
//   rcx  tile        0 c    8 ldc, floats between rows of C    16 accumulate: C += the tile, else C is not read
//                    24 row    32 stride    40 rows: rows of 128 bytes to prefetch, in r10, r11, rax in the loop
//   r8   bytes between rows of C, r10 row 3 of C, in the end
//
//             b[0..7]  b[8..15]
//             ymm0     ymm1
//   a[0] ymm2 ymm4     ymm5          12 accumulators from zero, one FMA each per step in order of k;
//   a[1] ymm3 ymm6     ymm7          2 vectors of B and 2 alternating broadcasts of A:
//    ...                             all 16 ymm registers are in use.
//   a[5] ymm3 ymm14    ymm15
//
//   A step is 12 FMA on 2 ports = 6 cycles, and 8 loads on 2 ports = 4 cycles; 20 micro-operations.
//
// mca: skylake 8*6
// mca: alderlake 8*6

#include "../gk_asm.h"
#ifdef __x86_64__

.macro ROW r, at, t, lo, hi         // one row of the tile, one step of k
    vbroadcastss \t, dword ptr [rsi + 24*\at + 4*\r]
    vfmadd231ps  \lo, \t, ymm0
    vfmadd231ps  \hi, \t, ymm1
.endm

.macro STEP at                      // step number \at from where the panels stand
    vmovups ymm0, ymmword ptr [rdx + 64*\at]
    vmovups ymm1, ymmword ptr [rdx + 64*\at + 32]
    ROW 0, \at, ymm2, ymm4,  ymm5
    ROW 1, \at, ymm3, ymm6,  ymm7
    ROW 2, \at, ymm2, ymm8,  ymm9
    ROW 3, \at, ymm3, ymm10, ymm11
    ROW 4, \at, ymm2, ymm12, ymm13
    ROW 5, \at, ymm3, ymm14, ymm15
.endm

.macro EACH_ROW op                  // \op row of C, left half, right half
    \op rcx,        ymm4,  ymm5
    \op rcx + r8,   ymm6,  ymm7
    \op rcx + 2*r8, ymm8,  ymm9
    \op r10,        ymm10, ymm11
    \op r10 + r8,   ymm12, ymm13
    \op r10 + 2*r8, ymm14, ymm15
.endm

.macro CLEAR row, lo, hi
    vxorps  \lo, \lo, \lo
    vxorps  \hi, \hi, \hi
.endm

.macro ADD_C row, lo, hi
    vaddps  \lo, \lo, ymmword ptr [\row]
    vaddps  \hi, \hi, ymmword ptr [\row + 32]
.endm

.macro STORE_C row, lo, hi
    vmovups ymmword ptr [\row], \lo
    vmovups ymmword ptr [\row + 32], \hi
.endm

GK_FUNC gk_gemm_avx2_f32_6x16, 4
    EACH_ROW CLEAR

    // ---- k % 8 steps, one at a time
    mov     eax, edi
    and     eax, 7
    jz      L(eights)
L(one):
    STEP    0
    add     rsi, 24
    add     rdx, 64
    dec     eax
    jnz     L(one)

    // ---- eight steps of k, and a row to prefetch in each of the first rax rounds
L(eights):
    shr     rdi, 3
    jz      L(write)
    mov     r10, qword ptr [rcx + 24]
    mov     r11, qword ptr [rcx + 32]
    mov     rax, qword ptr [rcx + 40]
    .balign 32
L(eight):
    prefetcht1 byte ptr [r10]
    prefetcht0 byte ptr [rsi + 480]
    STEP    0
    STEP    1
    prefetcht0 byte ptr [rsi + 480 + 64]
    STEP    2
    STEP    3
    prefetcht1 byte ptr [r10 + 64]
    add     r10, r11
    sub     rax, 1
    cmovz   r11, rax
    prefetcht0 byte ptr [rsi + 480 + 128]
    STEP    4
    STEP    5
    STEP    6
    STEP    7
    add     rsi, 8*24
    add     rdx, 8*64
    dec     rdi
    jnz     L(eight)

    // ---- write the tile
L(write):
    mov     rax, rcx
    mov     r8, qword ptr [rax + 8]
    mov     rcx, qword ptr [rax]
    shl     r8, 2
    lea     r10, [r8 + 2*r8]
    add     r10, rcx
    cmp     qword ptr [rax + 16], 0
    je      L(store)
    EACH_ROW ADD_C
L(store):
    EACH_ROW STORE_C
    GK_RETURN
GK_ENDFUNC gk_gemm_avx2_f32_6x16

#endif
