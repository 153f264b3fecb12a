// gk_gemm_neoninorder_f32_8x12 -- C[8][12] = A B, or += A B, on packed panels.           NEON, cores that run in order
//
//   void gk_gemm_neoninorder_f32_8x12(size_t k, const float* a, const float* b, const struct TileOfC* tile);
//
//   x0  k           depth, 0 allowed               A panel: k columns of 8 floats
//   x1  a           the step to load from          B panel: k rows of 12 floats
//   x2  b           the same                       x7  bytes from this step of A to the next, x9 of B
//   x3  tile        0 c    8 ldc, floats between rows of C    16 accumulate: C += the tile, else C is not read; then x3 is c,
//   x4, x5          bytes between rows of C and accumulate        x6  the row of C to prefetch or write
//   x8  upper half of a vector of B on its way
//
//                 b[0..3]  b[4..7]  b[8..11]
//                 v4       v5       v6
//   a[0] v0.s[0]  v8       v9       v10
//   a[1] v0.s[1]  v11      v12      v13       24 accumulators from zero, one FMA each per step in order of k, as in
//   a[2] v1.s[0]  v14      v15      v16       gk_gemm_neon_f32_8x12: the same bits. v8-v15 belong to the caller
//    ...                                      and are saved; v7 is not used.
//   a[7] v3.s[1]  v29      v30      v31
//
//   Cortex-A53, A55: an FMA of 128 bits takes a cycle, and a load of at most 64 bits or an integer instruction goes along
//   with it; a load of 128 bits goes alone and takes two. So A lies in the lower halves of four registers, and B comes in
//   halves, the upper one through x8. In the loop a line is a cycle: 24 FMA + 3 ins = 27 cycles, 10 loads beside them.
//   A column is done before the next, so that each register is loaded again 6 cycles or more before its next use. The
//   last step loads itself once more instead of what lies behind the panels.
//
// mca: cortex-a55 1*27

#include "../gk_asm.h"
#ifdef __aarch64__

.macro FMA c, b, a, beside:vararg   // one cycle: c += b a, and another instruction
    fmla    \c\().4s, \b\().4s, \a
    \beside
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
    movi    v\c0\().4s, #0
    prfm    pldl1keep, [x6]
    movi    v\c1\().4s, #0
    prfm    pldl1keep, [x6, #40]
    movi    v\c2\().4s, #0
    add     x6, x6, x4
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

GK_FUNC gk_gemm_neoninorder_f32_8x12, 4
    ldr     x5, [x3, #16]
    ldp     x3, x4, [x3]
    GK_SAVE_D8_D15
    lsl     x4, x4, #2
    mov     x6, x3
    EACH_ROW START
    cbz     x0, L(write)
    ldp     d0, d1, [x1]
    ldp     d2, d3, [x1, #16]
    ldp     q4, q5, [x2]
    mov     x7, #32
    mov     x9, #48

    // ---- one step of k
    .balign 16
L(step):
    FMA     v8,  v4, v0.s[0], ldr d6, [x2, #32]         // b[8..11] of this step
    FMA     v11, v4, v0.s[1], ldr x8, [x2, #40]
    FMA     v14, v4, v1.s[0], subs x0, x0, #1
    FMA     v17, v4, v1.s[1], csel x7, x7, xzr, ne
    FMA     v20, v4, v2.s[0], csel x9, x9, xzr, ne
    FMA     v23, v4, v2.s[1], add x1, x1, x7
    FMA     v26, v4, v3.s[0], add x2, x2, x9
    ins     v6.d[1], x8
    FMA     v29, v4, v3.s[1], prfm pldl1keep, [x1, #256]
    FMA     v9,  v5, v0.s[0], ldr d4, [x2]              // b[0..3] of the next
    FMA     v12, v5, v0.s[1], ldr x8, [x2, #8]
    FMA     v15, v5, v1.s[0], prfm pldl1keep, [x2, #384]
    FMA     v18, v5, v1.s[1]
    FMA     v21, v5, v2.s[0]
    FMA     v24, v5, v2.s[1]
    FMA     v27, v5, v3.s[0]
    ins     v4.d[1], x8
    FMA     v30, v5, v3.s[1]
    FMA     v10, v6, v0.s[0], ldr d5, [x2, #16]         // b[4..7] of the next, and A
    FMA     v13, v6, v0.s[1], ldr x8, [x2, #24]
    FMA     v16, v6, v1.s[0], ldr d0, [x1]
    FMA     v19, v6, v1.s[1], ldr d1, [x1, #8]
    FMA     v22, v6, v2.s[0]
    FMA     v25, v6, v2.s[1], ldr d2, [x1, #16]
    FMA     v28, v6, v3.s[0]
    ins     v5.d[1], x8
    FMA     v31, v6, v3.s[1], ldr d3, [x1, #24]
    b.ne    L(step)

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
GK_ENDFUNC gk_gemm_neoninorder_f32_8x12

#endif
