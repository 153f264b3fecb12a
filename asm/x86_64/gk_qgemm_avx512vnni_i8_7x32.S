// gk_qgemm_avx512vnni_i8_7x32 -- t[7][32] = A B on packed panels of int8, a scale per group of 32.    AVX-512 F, VNNI
//
//   void gk_qgemm_avx512vnni_i8_7x32(size_t groups, size_t digits, const void* a, const void* b, float* t);
//
//   t[r][c] = sum over groups, over digits of   scale[r] * (float) (start[r] + sum of x[.][r] * (w[.][c] + 128))
//
//   rdi  groups   depth / 32, 0 allowed     A panel: per group, per digit a unit of 280 bytes:
//   rsi  digits   of A per group, 0 allowed          int32 start[7] = -128 * sum of x, float scale[7],
//   rdx  a        advances 280 bytes a unit          int8 x[8][7][4]: four consecutive k of a row together
//   rcx  b        advances 1 KiB a group    B panel: per group uint8 [8][32][4]: w + 128, four consecutive k of a
//   r8   t        [7][32], written                   column together
//   rax  digits left
//
//              b[0..15]  b[16..31]
//              zmm0      zmm1
//   x[0]  zmm2 zmm4      zmm5     zmm18  zmm19     14 sums of a unit, exact, from start[r]; 14 sums of floats from zero,
//   x[1]  zmm3 zmm6      zmm7     zmm20  zmm21     one FMA each per unit in order; 2 vectors of B and 2 alternating
//    ...                                           broadcasts of four x: all 32 registers are in use.
//   x[6]  zmm2 zmm16     zmm17    zmm30  zmm31
//
//   A unit is 8 * 14 dot products, 14 conversions and 14 FMA on 2 ports = 70 cycles, and 101 loads and prefetches on
//   2 ports = 51 cycles; 236 micro-operations.
//
// mca: sapphirerapids 1*70*2

#include "../gk_asm.h"
#ifdef __x86_64__

.macro ROW r, quad, x, lo, hi       // one row of the tile, four steps of k
    vpbroadcastd \x, dword ptr [rdx + 56 + 28*\quad + 4*\r]
    vpdpbusd \lo, zmm0, \x
    vpdpbusd \hi, zmm1, \x
.endm

.macro QUAD quad                    // four steps of k
    vmovdqu64 zmm0, zmmword ptr [rcx + 128*\quad]
    vmovdqu64 zmm1, zmmword ptr [rcx + 128*\quad + 64]
    prefetcht0 byte ptr [rdx + 35*\quad + 1024]
    ROW 0, \quad, zmm2, zmm4,  zmm5
    ROW 1, \quad, zmm3, zmm6,  zmm7
    ROW 2, \quad, zmm2, zmm8,  zmm9
    ROW 3, \quad, zmm3, zmm10, zmm11
    ROW 4, \quad, zmm2, zmm12, zmm13
    ROW 5, \quad, zmm3, zmm14, zmm15
    ROW 6, \quad, zmm2, zmm16, zmm17
.endm

.macro EACH_ROW op                  // \op row, sums of the unit left and right, sums of floats left and right
    \op 0, zmm4,  zmm5,  zmm18, zmm19
    \op 1, zmm6,  zmm7,  zmm20, zmm21
    \op 2, zmm8,  zmm9,  zmm22, zmm23
    \op 3, zmm10, zmm11, zmm24, zmm25
    \op 4, zmm12, zmm13, zmm26, zmm27
    \op 5, zmm14, zmm15, zmm28, zmm29
    \op 6, zmm16, zmm17, zmm30, zmm31
.endm

.macro CLEAR r, lo, hi, sum_lo, sum_hi
    vpxord  \sum_lo, \sum_lo, \sum_lo
    vpxord  \sum_hi, \sum_hi, \sum_hi
.endm

.macro START r, lo, hi, sum_lo, sum_hi
    vpbroadcastd \lo, dword ptr [rdx + 4*\r]
    vmovdqa64 \hi, \lo
.endm

.macro SCALE r, lo, hi, sum_lo, sum_hi
    vcvtdq2ps \lo, \lo
    vcvtdq2ps \hi, \hi
    vfmadd231ps \sum_lo, \lo, dword ptr [rdx + 28 + 4*\r]{1to16}
    vfmadd231ps \sum_hi, \hi, dword ptr [rdx + 28 + 4*\r]{1to16}
.endm

.macro STORE r, lo, hi, sum_lo, sum_hi
    vmovups zmmword ptr [r8 + 128*\r], \sum_lo
    vmovups zmmword ptr [r8 + 128*\r + 64], \sum_hi
.endm

GK_FUNC gk_qgemm_avx512vnni_i8_7x32, 5
    EACH_ROW CLEAR
    test    rsi, rsi
    jz      L(write)
    test    rdi, rdi
    jz      L(write)

    // ---- one group of 32 steps of k: a unit for each digit
L(group):
    mov     rax, rsi
    .balign 32
L(unit):
    EACH_ROW START
    QUAD    0
    QUAD    1
    QUAD    2
    QUAD    3
    QUAD    4
    QUAD    5
    QUAD    6
    QUAD    7
    EACH_ROW SCALE
    add     rdx, 280
    dec     rax
    jnz     L(unit)
    add     rcx, 1024
    dec     rdi
    jnz     L(group)

    // ---- write the tile
L(write):
    EACH_ROW STORE
    GK_RETURN
GK_ENDFUNC gk_qgemm_avx512vnni_i8_7x32

#endif
