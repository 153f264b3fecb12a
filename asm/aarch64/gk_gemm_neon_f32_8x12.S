// gk_gemm_neon_f32_8x12 -- C[8][12] = A B, or += A B, on packed panels.                            NEON
//
//   void gk_gemm_neon_f32_8x12(size_t k, const float* a, const float* b, const struct TileOfC* tile);
//
//   x0  k           depth, 0 allowed               A panel: k columns of 8 floats
//   x1  a           advances 32 bytes per step     B panel: k rows of 12 floats
//   x2  b           advances 48 bytes per step
//   x3  tile        0 c    8 ldc, floats between rows of C    16 accumulate: C += the tile, else C is not read; then x3 is c,
//   x4, x5          bytes between rows of C and accumulate        x6  the row of C to prefetch or write
//
//                 b[0..3]  b[4..7]  b[8..11]
//                 v2 v5    v3 v6    v4 v7     even and odd steps of k
//   a[0] v0.s[0]  v8       v9       v10
//   a[1] v0.s[1]  v11      v12      v13       24 accumulators from zero, one FMA each per step in order
//    ...                                      of k; 2 vectors of A, 6 of B: all 32 registers are in use.
//   a[7] v1.s[3]  v29      v30      v31       v8-v15 belong to the caller and are saved.
//
//   A step is 24 FMA on 2 pipes = 12 cycles, and 5 vectors loaded. Each half of A is loaded again as soon as its
//   four rows are done, and B two steps at a time, so that a core that runs in order seldom waits.
//
// mca: neoverse-n1 2*12
// mca: neoverse-v1 2*12/2

#include "../gk_asm.h"
#ifdef __aarch64__

.macro ROW c0, c1, c2, a, b0, b1, b2
    fmla    \c0\().4s, \b0\().4s, \a
    fmla    \c1\().4s, \b1\().4s, \a
    fmla    \c2\().4s, \b2\().4s, \a
.endm

.macro ROWS_0_3 b0, b1, b2
    ROW     v8,  v9,  v10, v0.s[0], \b0, \b1, \b2
    ROW     v11, v12, v13, v0.s[1], \b0, \b1, \b2
    ROW     v14, v15, v16, v0.s[2], \b0, \b1, \b2
    ROW     v17, v18, v19, v0.s[3], \b0, \b1, \b2
.endm

.macro ROWS_4_7 b0, b1, b2
    ROW     v20, v21, v22, v1.s[0], \b0, \b1, \b2
    ROW     v23, v24, v25, v1.s[1], \b0, \b1, \b2
    ROW     v26, v27, v28, v1.s[2], \b0, \b1, \b2
    ROW     v29, v30, v31, v1.s[3], \b0, \b1, \b2
.endm

.macro EACH_ROW op                  // \op the row's three accumulators, by number
    \op     8,  9,  10
    \op     11, 12, 13
    \op     14, 15, 16
    \op     17, 18, 19
    \op     20, 21, 22
    \op     23, 24, 25
    \op     26, 27, 28
    \op     29, 30, 31
.endm

.macro START c0, c1, c2
    prfm    pldl1keep, [x6]
    prfm    pldl1keep, [x6, #40]
    add     x6, x6, x4
    movi    v\c0\().4s, #0
    movi    v\c1\().4s, #0
    movi    v\c2\().4s, #0
.endm

.macro STORE_C c0, c1, c2
    stp     q\c0, q\c1, [x6]
    str     q\c2, [x6, #32]
    add     x6, x6, x4
.endm

.macro ADD_TO_C c0, c1, c2
    ldp     q0, q1, [x6]
    ldr     q2, [x6, #32]
    fadd    v\c0\().4s, v\c0\().4s, v0.4s
    fadd    v\c1\().4s, v\c1\().4s, v1.4s
    fadd    v\c2\().4s, v\c2\().4s, v2.4s
    STORE_C \c0, \c1, \c2
.endm

GK_FUNC gk_gemm_neon_f32_8x12, 4
    ldr     x5, [x3, #16]
    ldp     x3, x4, [x3]
    GK_SAVE_D8_D15
    lsl     x4, x4, #2
    mov     x6, x3
    EACH_ROW START

    // ---- two steps of k
    subs    x0, x0, #2
    b.lo    L(rest)
    .balign 16
L(two):
    ldp     q0, q1, [x1]
    ldp     q2, q3, [x2]
    ldp     q4, q5, [x2, #32]
    ldp     q6, q7, [x2, #64]
    ROWS_0_3 v2, v3, v4
    ldr     q0, [x1, #32]
    ROWS_4_7 v2, v3, v4
    ldr     q1, [x1, #48]
    prfm    pldl1keep, [x1, #512]
    ROWS_0_3 v5, v6, v7
    add     x1, x1, #64
    add     x2, x2, #96
    ROWS_4_7 v5, v6, v7
    subs    x0, x0, #2
    b.hs    L(two)

    // ---- the last step of an odd k
L(rest):
    tbz     x0, #0, L(write)
    ldp     q0, q1, [x1]
    ldp     q2, q3, [x2]
    ldr     q4, [x2, #32]
    ROWS_0_3 v2, v3, v4
    ROWS_4_7 v2, v3, v4

    // ---- write the tile
L(write):
    mov     x6, x3
    cbnz    x5, L(add)
    EACH_ROW STORE_C
    b       L(done)
L(add):
    EACH_ROW ADD_TO_C
L(done):
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC gk_gemm_neon_f32_8x12

#endif
