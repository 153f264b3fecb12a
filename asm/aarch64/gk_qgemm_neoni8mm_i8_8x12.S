// gk_qgemm_neoni8mm_i8_8x12 -- t[8][12] = sum of scale * (float) (int8 dot product of 32).    NEON int8 matrix multiply
//
//   void gk_qgemm_neoni8mm_i8_8x12(size_t groups, size_t digits, const void* a, const void* b, float* t);
//
//   x0  groups  of 32 along k, 0 allowed     A panel, per group and digit: float scale[8], int8 x[4][8 rows][8]; 288 bytes
//   x1  digits  of A over one B, 0 allowed   B panel, per group: int8 w[4][12 columns][8]; 384 bytes
//   x2  a       its scales of this half      x6  group and digit units   x10 units left in this half   x7  halves left
//   x3  b                                    x8  scales of the unit, x5 its rows, x12 those of the first   x9  group of B
//   x4  t       8 rows of 12, dense          x11 digits left of the group   x13 between
//
//   smmla: a vector of A is two rows of 8, one of B two columns of 8, and the sum their 2x2 block, row by row.
//
//                 w[0,1] w[2,3] w[4,5] w[6,7] w[8,9] w[10,11]                   f32
//                 v2     v3     v4     v5     v2     v3
//   x[0,1]  v0    v8     v9     v10    v11    v12    v13     integer sums      v20 .. v25     their sum, scaled
//   x[2,3]  v1    v14    v15    v16    v17    v18    v19     of a unit         v26 .. v31
//
//   v6  scale[0..3]     v7  1.5 * 2^23, as float and as start of the integer sums: |sum| < 2^19, so the bits of start + sum
//   are those of the float 1.5 * 2^23 + sum, and one subtraction converts exactly (scvtf has half the pipes).
//
//   First rows 0-3, then rows 4-7 go over all groups, which leaves both sorts of sums in registers: panels should fit L1.
//   Half a unit is 48 smmla + 12 * (fsub, fmla, mov) + 2 zip = 86 on 4 pipes = 21.5 cycles, and 33 vectors loaded.
//
// mca: neoverse-v1 1*21.5

#include "../gk_asm.h"
#ifdef __aarch64__

.macro SMMLA d, n, m                // smmla v\d.4s, v\n.16b, v\m.16b as a word: assemblers differ in how one enables it
    .inst   0x4e80a400 + (\m << 16) + (\n << 5) + \d
.endm

.macro BLOCK i0, i1, w              // two columns of four rows, eight of k
    SMMLA   \i0, 0, \w
    SMMLA   \i1, 1, \w
.endm

.macro OCTET at                     // k = 8 at .. 8 at + 7
    ldp     q0, q1, [x5, #64*\at]
    ldp     q2, q3, [x9, #96*\at]
    ldp     q4, q5, [x9, #96*\at + 32]
    BLOCK   8,  14, 2
    BLOCK   9,  15, 3
    ldp     q2, q3, [x9, #96*\at + 64]
    BLOCK   10, 16, 4
    BLOCK   11, 17, 5
    BLOCK   12, 18, 2
    BLOCK   13, 19, 3
.endm

.macro FOLD scale, i0, i1, i2, f0, f1, f2
    fsub    \i0\().4s, \i0\().4s, v7.4s
    fsub    \i1\().4s, \i1\().4s, v7.4s
    fsub    \i2\().4s, \i2\().4s, v7.4s
    fmla    \f0\().4s, \i0\().4s, \scale
    fmla    \f1\().4s, \i1\().4s, \scale
    fmla    \f2\().4s, \i2\().4s, \scale
    CLEAR   \i0, \i1, \i2
.endm

.macro CLEAR i0, i1, i2
    mov     \i0\().16b, v7.16b
    mov     \i1\().16b, v7.16b
    mov     \i2\().16b, v7.16b
.endm

.macro EACH_BLOCK op                // \op three integer sums, three scaled ones
    \op     8,  9,  10, 20, 21, 22
    \op     11, 12, 13, 23, 24, 25
    \op     14, 15, 16, 26, 27, 28
    \op     17, 18, 19, 29, 30, 31
.endm

.macro START i0, i1, i2, f0, f1, f2
    CLEAR   v\i0, v\i1, v\i2
    movi    v\f0\().4s, #0
    movi    v\f1\().4s, #0
    movi    v\f2\().4s, #0
.endm

.macro STORE f0, f1, at             // two blocks side by side: four columns of two rows
    zip1    v0.2d, v\f0\().2d, v\f1\().2d
    zip2    v1.2d, v\f0\().2d, v\f1\().2d
    str     q0, [x4, #\at]
    str     q1, [x4, #\at + 48]
.endm

GK_FUNC gk_qgemm_neoni8mm_i8_8x12, 5
    GK_SAVE_D8_D15
    mov     w12, #0x4b400000
    dup     v7.4s, w12
    mul     x6, x0, x1
    add     x12, x2, #32
    mov     x7, #2
L(half):
    EACH_BLOCK START
    mov     x8, x2
    mov     x5, x12
    mov     x9, x3
    mov     x11, x1
    mov     x10, x6
    cbz     x6, L(store)

    // ---- four rows of one digit of one group
    .balign 16
L(unit):
    OCTET   0
    OCTET   1
    OCTET   2
    OCTET   3
    ldr     q6, [x8]
    add     x8, x8, #288
    add     x5, x5, #288
    add     x13, x9, #384
    subs    x11, x11, #1            // after the last digit: the next group of B
    csel    x9, x13, x9, eq
    csel    x11, x1, x11, eq
    zip1    v0.4s, v6.4s, v6.4s
    zip2    v1.4s, v6.4s, v6.4s
    FOLD    v0.4s, v8,  v9,  v10, v20, v21, v22
    FOLD    v0.4s, v11, v12, v13, v23, v24, v25
    FOLD    v1.4s, v14, v15, v16, v26, v27, v28
    FOLD    v1.4s, v17, v18, v19, v29, v30, v31
    subs    x10, x10, #1
    b.ne    L(unit)
L(store):
    STORE   20, 21, 0
    STORE   22, 23, 16
    STORE   24, 25, 32
    STORE   26, 27, 96
    STORE   28, 29, 112
    STORE   30, 31, 128
    add     x4, x4, #192
    add     x2, x2, #16
    add     x12, x12, #32
    subs    x7, x7, #1
    b.ne    L(half)
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC gk_qgemm_neoni8mm_i8_8x12

#endif
