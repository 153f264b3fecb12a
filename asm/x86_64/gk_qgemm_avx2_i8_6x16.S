// gk_qgemm_avx2_i8_6x16 -- t[6][16] = A B on packed panels of int8, a scale per group of 32.                AVX2 FMA
//
//   void gk_qgemm_avx2_i8_6x16(size_t groups, size_t digits, const void* a, const void* b, float* t);
//
//   t[r][c] = sum over groups, over digits of   scale[r] * (float) (sum of x[.][r] * w[.][c])
//
//   rdi  groups   depth / 32, 0 allowed      A panel: per group, per digit a unit of 216 bytes: float scale[6],
//   rsi  digits   of A per group, 0 allowed           int8 x[8][6][4]: four consecutive k of a row together
//   rdx  a        advances 216 bytes a unit  B panel: per group int8 [8][16][4]: w, four consecutive k of a
//   rcx  b        advances 512 bytes a group          column together
//   r8   t        [6][16], holds the sums    rax  digits left
//
//        first b[0..7], then b[8..15]
//        w ymm0, |w| ymm1
//   x[0] ymm2 ymm4   ymm5            12 sums of a unit, exact, from zero; a half of the columns at a time, so that w, |w|,
//   x[1] ymm2 ymm6   ymm7            the products and ymm3 (16-bit ones) are all that it takes beside them: all 16
//    ...                             registers are in use. t += scale * sum is one FMA each per unit in order.
//   x[5] ymm2 ymm14  ymm15
//
//   x w = (x with the sign of w) |w|: a pair of products is at most 2 * 127 * 128 and fits 16 bits.
//   For four steps of k that is 12 * (sign, 2 * 2 products, widening sum) and 2 * |w| on 2 ports = 19 cycles, 12 additions
//   on a third, and 66 micro-operations; with 12 conversions and 12 FMA a unit is 164 cycles.
//
// mca: skylake 1*164

#include "../gk_asm.h"
#ifdef __x86_64__

.macro ROW r, quad, sum             // one row of a half of the tile, four steps of k
    vpbroadcastd ymm2, dword ptr [rdx + 24 + 24*\quad + 4*\r]
    vpsignb ymm2, ymm2, ymm0
    vpmaddubsw ymm2, ymm1, ymm2
    vpmaddwd ymm2, ymm2, ymm3
    vpaddd  \sum, \sum, ymm2
.endm

.macro HALF quad, half, s0, s1, s2, s3, s4, s5
    vmovdqu ymm0, ymmword ptr [rcx + 64*\quad + 32*\half]
    vpabsb  ymm1, ymm0
    ROW 0, \quad, \s0
    ROW 1, \quad, \s1
    ROW 2, \quad, \s2
    ROW 3, \quad, \s3
    ROW 4, \quad, \s4
    ROW 5, \quad, \s5
.endm

.macro QUAD quad                    // four steps of k
    prefetcht0 byte ptr [rcx + 64*\quad + 1024]
    prefetcht0 byte ptr [rdx + 27*\quad + 432]
    HALF \quad, 0, ymm4, ymm6, ymm8, ymm10, ymm12, ymm14
    HALF \quad, 1, ymm5, ymm7, ymm9, ymm11, ymm13, ymm15
.endm

.macro EACH_ROW op                  // \op row, left half, right half
    \op 0, ymm4,  ymm5
    \op 1, ymm6,  ymm7
    \op 2, ymm8,  ymm9
    \op 3, ymm10, ymm11
    \op 4, ymm12, ymm13
    \op 5, ymm14, ymm15
.endm

.macro CLEAR_T r, lo, hi
    vmovups ymmword ptr [r8 + 64*\r], ymm0
    vmovups ymmword ptr [r8 + 64*\r + 32], ymm0
.endm

.macro CLEAR r, lo, hi
    vpxor   \lo, \lo, \lo
    vpxor   \hi, \hi, \hi
.endm

.macro ADD_TO_T r, lo, hi
    vbroadcastss ymm2, dword ptr [rdx + 4*\r]
    vcvtdq2ps \lo, \lo
    vcvtdq2ps \hi, \hi
    vfmadd213ps \lo, ymm2, ymmword ptr [r8 + 64*\r]
    vfmadd213ps \hi, ymm2, ymmword ptr [r8 + 64*\r + 32]
    vmovups ymmword ptr [r8 + 64*\r], \lo
    vmovups ymmword ptr [r8 + 64*\r + 32], \hi
.endm

GK_FUNC gk_qgemm_avx2_i8_6x16, 5
    vpxor   xmm0, xmm0, xmm0
    EACH_ROW CLEAR_T
    test    rsi, rsi
    jz      L(done)
    test    rdi, rdi
    jz      L(done)
    vpcmpeqw ymm3, ymm3, ymm3
    vpsrlw  ymm3, ymm3, 15

    // ---- one group of 32 steps of k: a unit for each digit
L(group):
    mov     rax, rsi
    .balign 32
L(unit):
    EACH_ROW CLEAR
    QUAD    0
    QUAD    1
    QUAD    2
    QUAD    3
    QUAD    4
    QUAD    5
    QUAD    6
    QUAD    7
    EACH_ROW ADD_TO_T
    add     rdx, 216
    dec     rax
    jnz     L(unit)
    add     rcx, 512
    dec     rdi
    jnz     L(group)
L(done):
    GK_RETURN
GK_ENDFUNC gk_qgemm_avx2_i8_6x16

#endif
