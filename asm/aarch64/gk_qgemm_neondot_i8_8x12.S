// gk_qgemm_neondot_i8_8x12 -- t[8][12] = sum of scale * (float) (int8 dot product of 32).          NEON dot product
//
//   void gk_qgemm_neondot_i8_8x12(size_t groups, size_t digits, const void* a, const void* b, float* t);
//
//   x0  groups  of 32 along k, 0 allowed     A panel, per group and digit: float scale[8], int8 x[8][8 rows][4]; 288 bytes
//   x1  digits  of A over one B, 0 allowed   B panel, per group: int8 w[8][12 columns][4]; 384 bytes
//   x2  a       its rows of this half        x6  group and digit units   x10 units left in this half   x7  halves left
//   x3  b                                    x8  the unit   x9  group of B   x11 digits left of the group
//   x4  t       8 rows of 12, dense          x13 between
//
//                 w[0..3]  w[4..7]  w[8..11]                                   f32
//                 v2       v3       v4
//   x[0] v0.s[0]  v8       v9       v10                                 v20  v21  v22
//   x[1] v0.s[1]  v11      v12      v13      integer sums of a unit     v23  v24  v25      their sum, scaled
//   x[2] v0.s[2]  v14      v15      v16                                 v26  v27  v28
//   x[3] v0.s[3]  v17      v18      v19      (A in v0, v1 in turn)      v29  v30  v31
//
//   v5  scale[0..3]     v7  1.5 * 2^23, as float and as start of the integer sums: |sum| < 2^19, so the bits of start + sum
//   are those of the float 1.5 * 2^23 + sum, and one subtraction converts exactly (scvtf has a single, slower pipe).
//
//   First rows 0-3, then rows 4-7 go over all groups, which leaves both sorts of sums in registers: panels should fit L1.
//   Half a unit is 96 sdot + 12 * (fsub, fmla, mov) = 132 on 2 pipes = 66 cycles, and 33 vectors loaded.
//
// mca: neoverse-n1 1*66
// mca: neoverse-v1 1*66/2

#include "../gk_asm.h"
#ifdef __aarch64__

.macro SDOT d, n, m, i              // sdot v\d.4s, v\n.16b, v\m.4b[\i] as a word: assemblers differ in how one enables it
    .inst   0x4f80e000 + ((\i & 1) << 21) + ((\i >> 1) << 11) + (\m << 16) + (\n << 5) + \d
.endm

.macro COLUMN c0, c1, c2, c3, w, x  // four columns of four rows, four of k
    SDOT    \c0, \w, \x, 0
    SDOT    \c1, \w, \x, 1
    SDOT    \c2, \w, \x, 2
    SDOT    \c3, \w, \x, 3
.endm

.macro QUAD at, x, next             // k = 4 at .. 4 at + 3; each vector is loaded again as soon as it is free
    ldr     q\next, [x8, #32*\at + 64]
    COLUMN  8,  11, 14, 17, 2, \x
    ldr     q2, [x9, #48*\at + 48]
    COLUMN  9,  12, 15, 18, 3, \x
    ldr     q3, [x9, #48*\at + 64]
    COLUMN  10, 13, 16, 19, 4, \x
    ldr     q4, [x9, #48*\at + 80]
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

.macro EACH_ROW op                  // \op three integer sums, three scaled ones
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

.macro STORE i0, i1, i2, f0, f1, f2
    stp     q\f0, q\f1, [x4], #32
    str     q\f2, [x4], #16
.endm

GK_FUNC gk_qgemm_neondot_i8_8x12, 5
    GK_SAVE_D8_D15
    mov     w12, #0x4b400000
    dup     v7.4s, w12
    mul     x6, x0, x1
    mov     x7, #2
L(half):
    EACH_ROW START
    mov     x8, x2
    mov     x9, x3
    mov     x11, x1
    mov     x10, x6
    cbz     x6, L(store)

    // ---- four rows of one digit of one group
    .balign 16
L(unit):
    ldr     q0, [x8, #32]
    ldp     q2, q3, [x9]
    ldr     q4, [x9, #32]
    QUAD    0, 0, 1
    QUAD    1, 1, 0
    QUAD    2, 0, 1
    QUAD    3, 1, 0
    QUAD    4, 0, 1
    QUAD    5, 1, 0
    QUAD    6, 0, 1
    ldr     q5, [x8]
    add     x8, x8, #288
    COLUMN  8,  11, 14, 17, 2, 1
    COLUMN  9,  12, 15, 18, 3, 1
    COLUMN  10, 13, 16, 19, 4, 1
    add     x13, x9, #384
    subs    x11, x11, #1            // after the last digit: the next group of B
    csel    x9, x13, x9, eq
    csel    x11, x1, x11, eq
    FOLD    v5.s[0], v8,  v9,  v10, v20, v21, v22
    FOLD    v5.s[1], v11, v12, v13, v23, v24, v25
    FOLD    v5.s[2], v14, v15, v16, v26, v27, v28
    FOLD    v5.s[3], v17, v18, v19, v29, v30, v31
    subs    x10, x10, #1
    b.ne    L(unit)
L(store):
    EACH_ROW STORE
    add     x2, x2, #16
    subs    x7, x7, #1
    b.ne    L(half)
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC gk_qgemm_neondot_i8_8x12

#endif
