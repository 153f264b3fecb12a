// gk_gemm_avx512_f32_14x32 -- C[14][32] = A B, or += A B, on packed panels.                        AVX-512 F
//
//   void gk_gemm_avx512_f32_14x32(size_t k, const float* a, const float* b, const struct TileOfC* tile);
//
//   rdi  k           depth, 0 allowed               A panel: k columns of 14 floats
//   rsi  a           advances 56 bytes per step     B panel: k rows of 32 floats
//   rdx  b           advances 128 bytes per step
//   rcx  tile        0 c    8 ldc, floats between rows of C    16 accumulate: C += the tile, else C is not read
//                    24 row    32 stride    40 rows: rows of 128 bytes to prefetch, in r10, r11, rax in the loop
//   r8   bytes between rows of C, r10 the row of C to write, in the end
//
//              b[0..15]  b[16..31]
//              zmm0      zmm1
//   a[0]  zmm2 zmm4      zmm5        28 accumulators from zero, one FMA each per step in order of k;
//   a[1]       zmm6      zmm7        2 vectors of B; A is broadcast to zmm2 or zmm3 in even rows,
//   a[2]  zmm3 zmm8      zmm9        inside each FMA in odd rows.
//    ...
//   a[13]      zmm30     zmm31
//
//   A step is 28 FMA on 2 ports = 14 cycles, and 23 loads on 2 ports = 12 cycles; 38 micro-operations.
//   (Broadcast once a row it would be 45 of these, inside each FMA 30 loads, 15 cycles.) A line to prefetch in four
//   steps is a trickle that the line fill buffers can take beside the panels.
//
// mca: sapphirerapids 8*14*2

#include "../gk_asm.h"
#ifdef __x86_64__

.macro ROW r, at, t, lo, hi         // one row of the tile, one step of k
    vbroadcastss \t, dword ptr [rsi + 56*\at + 4*\r]
    vfmadd231ps  \lo, \t, zmm0
    vfmadd231ps  \hi, \t, zmm1
.endm

.macro ROW2 r, at, lo, hi           // the same with a load for each FMA
    vfmadd231ps  \lo, zmm0, dword ptr [rsi + 56*\at + 4*\r]{1to16}
    vfmadd231ps  \hi, zmm1, dword ptr [rsi + 56*\at + 4*\r]{1to16}
.endm

.macro STEP at                      // step number \at from where the panels stand
    vmovups zmm0, zmmword ptr [rdx + 128*\at]
    vmovups zmm1, zmmword ptr [rdx + 128*\at + 64]
    prefetcht0 byte ptr [rsi + 56*\at + 2048]
    ROW 0,  \at, zmm2, zmm4,  zmm5
    ROW2 1,  \at, zmm6,  zmm7
    ROW 2,  \at, zmm3, zmm8,  zmm9
    ROW2 3,  \at, zmm10, zmm11
    ROW 4,  \at, zmm2, zmm12, zmm13
    ROW2 5,  \at, zmm14, zmm15
    ROW 6,  \at, zmm3, zmm16, zmm17
    ROW2 7,  \at, zmm18, zmm19
    ROW 8,  \at, zmm2, zmm20, zmm21
    ROW2 9,  \at, zmm22, zmm23
    ROW 10, \at, zmm3, zmm24, zmm25
    ROW2 11, \at, zmm26, zmm27
    ROW 12, \at, zmm2, zmm28, zmm29
    ROW2 13, \at, zmm30, zmm31
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

GK_FUNC gk_gemm_avx512_f32_14x32, 4
    EACH_ROW CLEAR

    // ---- k % 8 steps, one at a time
    mov     eax, edi
    and     eax, 7
    jz      L(eights)
    .balign 32
L(one):
    STEP    0
    add     rsi, 56
    add     rdx, 128
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
    STEP    0
    STEP    1
    STEP    2
    STEP    3
    prefetcht1 byte ptr [r10 + 64]
    add     r10, r11
    sub     rax, 1
    cmovz   r11, rax
    STEP    4
    STEP    5
    STEP    6
    STEP    7
    add     rsi, 8*56
    add     rdx, 8*128
    dec     rdi
    jnz     L(eight)

    // ---- write the tile
L(write):
    mov     r8, qword ptr [rcx + 8]
    mov     r10, qword ptr [rcx]
    shl     r8, 2
    cmp     qword ptr [rcx + 16], 0
    jne     L(add)
    EACH_ROW STORE_C
    GK_RETURN
L(add):
    EACH_ROW ADD_TO_C
    GK_RETURN
GK_ENDFUNC gk_gemm_avx512_f32_14x32

#endif
