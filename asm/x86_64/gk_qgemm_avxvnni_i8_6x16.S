// gk_qgemm_avxvnni_i8_6x16 -- t[6][16] = A B on packed panels of int8, a scale per group of 32.    AVX2 FMA AVX-VNNI
//
//   void gk_qgemm_avxvnni_i8_6x16(size_t groups, size_t digits, const void* a, const void* b, float* t);
//
//   t[r][c] = sum over groups, over digits of   scale[r] * (float) (start[r] + sum of x[.][r] * (w[.][c] + 128))
//
//   rdi  groups   depth / 32, 0 allowed      A panel: per group, per digit a unit of 240 bytes:
//   rsi  digits   of A per group, 0 allowed           int32 start[6] = -128 * sum of x, float scale[6],
//   rdx  a        advances 240 bytes a unit           int8 x[8][6][4]: four consecutive k of a row together
//   rcx  b        advances 512 bytes a group B panel: per group uint8 [8][16][4]: w + 128, four consecutive k of a
//   r8   t        [6][16], holds the sums             column together
//   r9   the bits of 3 * 2^22                rax  digits left
//
//             b[0..7]  b[8..15]
//             ymm0     ymm1
//   x[0] ymm2 ymm4     ymm5          12 sums of a unit, exact, from 3 * 2^22 (as bits) + start[r]: read as a float such a
//   x[1] ymm3 ymm6     ymm7          sum is 3 * 2^22 + itself, which a subtraction converts on more ports than a
//    ...                             conversion has. 2 vectors of B and 2 alternating broadcasts of four x: all 16 ymm
//   x[5] ymm3 ymm14    ymm15         registers are in use. t += scale * sum is one FMA each per unit in order.
//
//   A unit is 8 * 12 dot products and 12 FMA on 2 ports = 54 cycles, 12 subtractions and 10 others besides on a third,
//   and 100 loads and prefetches on 2 ports = 50 cycles; 238 micro-operations.
//
// mca: alderlake 1*54

#include "../gk_asm.h"
#ifdef __x86_64__

.macro ROW r, quad, x, lo, hi       // one row of the tile, four steps of k
    vpbroadcastd \x, dword ptr [rdx + 48 + 24*\quad + 4*\r]
    {vex} vpdpbusd \lo, ymm0, \x
    {vex} vpdpbusd \hi, ymm1, \x
.endm

.macro QUAD quad                    // four steps of k
    vmovdqu ymm0, ymmword ptr [rcx + 64*\quad]
    vmovdqu ymm1, ymmword ptr [rcx + 64*\quad + 32]
    prefetcht0 byte ptr [rcx + 64*\quad + 1024]
    ROW 0, \quad, ymm2, ymm4,  ymm5
    ROW 1, \quad, ymm3, ymm6,  ymm7
    ROW 2, \quad, ymm2, ymm8,  ymm9
    ROW 3, \quad, ymm3, ymm10, ymm11
    ROW 4, \quad, ymm2, ymm12, ymm13
    ROW 5, \quad, ymm3, ymm14, ymm15
.endm

.macro EACH_ROW op                  // \op row, left half, right half
    \op 0, ymm4,  ymm5
    \op 1, ymm6,  ymm7
    \op 2, ymm8,  ymm9
    \op 3, ymm10, ymm11
    \op 4, ymm12, ymm13
    \op 5, ymm14, ymm15
.endm

.macro CLEAR r, lo, hi
    vmovups ymmword ptr [r8 + 64*\r], ymm0
    vmovups ymmword ptr [r8 + 64*\r + 32], ymm0
.endm

.macro BROADCAST_R9                 // to ymm0
    vmovd   xmm0, r9d
    vpbroadcastd ymm0, xmm0
.endm

.macro START r, lo, hi
    vpbroadcastd ymm2, dword ptr [rdx + 4*\r]
    vpaddd  \lo, ymm2, ymm0
    vmovdqa \hi, \lo
.endm

.macro ADD_TO_T r, lo, hi
    vbroadcastss ymm2, dword ptr [rdx + 24 + 4*\r]
    vsubps  \lo, \lo, ymm0
    vsubps  \hi, \hi, ymm0
    vfmadd213ps \lo, ymm2, ymmword ptr [r8 + 64*\r]
    vfmadd213ps \hi, ymm2, ymmword ptr [r8 + 64*\r + 32]
    vmovups ymmword ptr [r8 + 64*\r], \lo
    vmovups ymmword ptr [r8 + 64*\r + 32], \hi
.endm

GK_FUNC gk_qgemm_avxvnni_i8_6x16, 5
    vpxor   xmm0, xmm0, xmm0
    EACH_ROW CLEAR
    test    rsi, rsi
    jz      L(done)
    test    rdi, rdi
    jz      L(done)
    mov     r9d, 0x4b400000

    // ---- one group of 32 steps of k: a unit for each digit
L(group):
    mov     rax, rsi
    .balign 32
L(unit):
    BROADCAST_R9
    EACH_ROW START
    prefetcht0 byte ptr [rdx + 960]
    prefetcht0 byte ptr [rdx + 960 + 64]
    prefetcht0 byte ptr [rdx + 960 + 128]
    prefetcht0 byte ptr [rdx + 960 + 192]
    QUAD    0
    QUAD    1
    QUAD    2
    QUAD    3
    QUAD    4
    QUAD    5
    QUAD    6
    QUAD    7
    BROADCAST_R9
    EACH_ROW ADD_TO_T
    add     rdx, 240
    dec     rax
    jnz     L(unit)
    add     rcx, 512
    dec     rdi
    jnz     L(group)
L(done):
    GK_RETURN
GK_ENDFUNC gk_qgemm_avxvnni_i8_6x16

#endif
