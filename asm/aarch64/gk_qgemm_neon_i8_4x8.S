// gk_qgemm_neon_i8_4x8 -- t[4][8] = sum of scale * (float) (int8 dot product of 32).                                NEON
//
//   void gk_qgemm_neon_i8_4x8(size_t groups, size_t digits, const void* a, const void* b, float* t);
//
//   x0  groups  of 32 along k, 0 allowed     A panel, per group and digit: float scale[4], int8 x[4][4 rows][8]; 144 bytes
//   x1  digits  of A over one B, 0 allowed   B panel, per group: int8 w[4][8 columns][8]; 256 bytes
//   x2  a                                    x11 unit to load from   x0  group and digit units   x6  those left
//   x3  b       columns 0-3, then 4-7        x13 group               x7  group of the next unit  x5  digits left of the group
//   x4  t       4 rows of 8, dense           x9  256, x10 bytes to the next unit of A   x8  on its way   x12 halves left
//
//   v16 .. v31  x[k/8][row]     v0 .. v3  16-bit sums of a row, two products a lane     v8 .. v11  columns of t, a row a lane
//   v12, v13    w[k/8][column]  v4 .. v7  32-bit sums of a row, four lanes              v14  scale   v15  sums of a column
//
//   |w x| <= 128 * 127, so that two products fit 16 bits: smull and smlal for each row, then their pairs are added to 32
//   bits; after the whole group, four rows of four lanes become one vector of the column. 128 products are 16 smull and
//   smlal + 8 pair sums + 3 addp + scvtf + fmla = 29 vector instructions, 3.6 for 16 products.
//
//   Cortex-A53, A55: one of these a cycle, with a load of at most 64 bits or an integer instruction beside it, and A and
//   B need only such: a unit is 4 * 29 + 1 = 117 cycles. Cortex-A72: smull and smlal have one pipe, 64 cycles, which is dealt
//   some of the others too: 70 cycles. Each register is loaded again 8 cycles or more before its next use, the next unit of
//   A during the last column. The sums of a column are finished in the next. The last unit loads itself once more instead
//   of what lies behind the panels.
//   First columns 0-3, then columns 4-7 go over all groups: panels should fit L1.
//
// mca: cortex-a72 1*70

#include "../gk_asm.h"
#ifdef __aarch64__

// Column \c of a unit, the end of the column before, \sum, and what goes beside it. The next column lies at \next + \at.
.macro COLUMN c, sum, next, at, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15
    smull   v0.8h, v16.8b, v12.8b   // k = 0 .. 7
    smull   v1.8h, v17.8b, v12.8b
    addp    v4.4s, v4.4s, v5.4s
    smull   v2.8h, v18.8b, v12.8b
    smull   v3.8h, v19.8b, v12.8b
    addp    v6.4s, v6.4s, v7.4s
    smlal   v0.8h, v20.8b, v13.8b   // k = 8 .. 15
    ldr     d12, [x13, #8*\c + 128]
    smlal   v1.8h, v21.8b, v13.8b
    \s0
    smlal   v2.8h, v22.8b, v13.8b
    \s1
    addp    v4.4s, v4.4s, v6.4s
    \s2
    smlal   v3.8h, v23.8b, v13.8b
    \s3
    saddlp  v5.4s, v1.8h
    ldr     d13, [x13, #8*\c + 192]
    saddlp  v6.4s, v2.8h
    \s4
    scvtf   v15.4s, v4.4s
    \s5
    saddlp  v7.4s, v3.8h
    \s6
    saddlp  v4.4s, v0.8h
    \s7
    smull   v0.8h, v24.8b, v12.8b   // k = 16 .. 23
    smull   v1.8h, v25.8b, v12.8b
    fmla    \sum\().4s, v15.4s, v14.4s
    smull   v2.8h, v26.8b, v12.8b
    \s8
    smull   v3.8h, v27.8b, v12.8b
    \s9
    smlal   v0.8h, v28.8b, v13.8b   // k = 24 .. 31
    ldr     d12, [\next, #\at]
    smlal   v1.8h, v29.8b, v13.8b
    \s10
    smlal   v2.8h, v30.8b, v13.8b
    \s11
    smlal   v3.8h, v31.8b, v13.8b
    \s12
    sadalp  v4.4s, v0.8h
    ldr     d13, [\next, #\at + 64]
    sadalp  v5.4s, v1.8h
    \s13
    sadalp  v6.4s, v2.8h
    \s14
    sadalp  v7.4s, v3.8h
    \s15
.endm

.macro CLEAR v0, v1, v2, v3
    movi    \v0\().4s, #0
    movi    \v1\().4s, #0
    movi    \v2\().4s, #0
    movi    \v3\().4s, #0
.endm

.macro LOAD_X v0, v1, v2, v3, at
    ldp     \v0, \v1, [x11, #\at]
    ldp     \v2, \v3, [x11, #\at + 16]
.endm

GK_FUNC gk_qgemm_neon_i8_4x8, 5
    GK_SAVE_D8_D15
    mul     x0, x0, x1
    mov     x9, #256
    mov     x12, #2
L(half):
    CLEAR   v8,  v9,  v10, v11
    cbz     x0, L(store)
    CLEAR   v4,  v5,  v6,  v7       // the first unit finishes an empty column
    movi    v14.4s, #0
    mov     x11, x2
    mov     x13, x3
    mov     x6, x0
    mov     x5, x1
    mov     x10, #144
    LOAD_X  d16, d17, d18, d19, 16
    LOAD_X  d20, d21, d22, d23, 48
    LOAD_X  d24, d25, d26, d27, 80
    LOAD_X  d28, d29, d30, d31, 112
    ldr     d12, [x13]
    ldr     d13, [x13, #64]

    // ---- four columns of one digit of one group
    .balign 16
L(unit):
    COLUMN  0, v11, x13, 8, , , , , , , , , \
        "ldr d14, [x11]", "ldr x8, [x11, #8]", , , , , , "ins v14.d[1], x8"
    COLUMN  1, v8,  x13, 16
    COLUMN  2, v9,  x13, 24, \
        "subs x5, x5, #1", "csel x8, x9, xzr, eq", "csel x5, x1, x5, eq", "subs x6, x6, #1", \
        "csel x10, x10, xzr, ne", "csel x8, x8, xzr, ne", "add x11, x11, x10", "add x7, x13, x8"
    COLUMN  3, v10, x7, 0, \
        "ldr d16, [x11, #16]",  "ldr d17, [x11, #24]",  "ldr d18, [x11, #32]",  "ldr d19, [x11, #40]", \
        "ldr d20, [x11, #48]",  "ldr d21, [x11, #56]",  "ldr d22, [x11, #64]",  "ldr d23, [x11, #72]", \
        "ldr d24, [x11, #80]",  "ldr d25, [x11, #88]",  "ldr d26, [x11, #96]",  "ldr d27, [x11, #104]", \
        "ldr d28, [x11, #112]", "ldr d29, [x11, #120]", "ldr d30, [x11, #128]", "ldr d31, [x11, #136]"
    mov     x13, x7
    b.ne    L(unit)

    // ---- the last column, and columns to rows
    addp    v4.4s, v4.4s, v5.4s
    addp    v6.4s, v6.4s, v7.4s
    addp    v4.4s, v4.4s, v6.4s
    scvtf   v15.4s, v4.4s
    fmla    v11.4s, v15.4s, v14.4s
L(store):
    zip1    v0.4s, v8.4s, v10.4s
    zip1    v1.4s, v9.4s, v11.4s
    zip2    v2.4s, v8.4s, v10.4s
    zip2    v3.4s, v9.4s, v11.4s
    zip1    v4.4s, v0.4s, v1.4s
    zip2    v5.4s, v0.4s, v1.4s
    zip1    v6.4s, v2.4s, v3.4s
    zip2    v7.4s, v2.4s, v3.4s
    str     q4, [x4]
    str     q5, [x4, #32]
    str     q6, [x4, #64]
    str     q7, [x4, #96]
    add     x4, x4, #16
    add     x3, x3, #32
    subs    x12, x12, #1
    b.ne    L(half)
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC gk_qgemm_neon_i8_4x8

#endif
