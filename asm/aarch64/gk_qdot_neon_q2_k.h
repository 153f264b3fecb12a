// gk_qdot_neon_q2_k.h -- rows of Q2_K by one row of x.
//
//   A block is 84 bytes: sc[16] and mn[16] of 4 bits, the low and high halves of 16 bytes; 64 of codes, 32 of them for
//   128: bits 2k, 2k + 1 of group k; f16 d, dmin. w = d sc q - dmin mn = s (q - z) + rest, z = round(dmin mn / d sc) in
//   0 .. 3: rest and s (q - z) are 0 wherever w is.
//
//   Codes, and z with them, stay where their bits are, times f = 1 | 4 | 16, but for the last of four groups: f = 1;
//   scales of x are over f.
//
//   scales of a block:  0 float s[16] of row 0   64 of row 1   128 int8 f z[16]   144   160 float -rest[16]   224
//   768 of the job: 1 / f of 128 codes
//
//   v2, v3  s times the scale of x / f, of 64 codes     v8,  v9   sc, then s, of 8 groups of 16
//   v6      shifts by f of z of 8 groups of 16          v10, v11  mn, then m = dmin mn, then -rest
//   v14     d, dmin, then what is at hand               v12, v13  m / s, then z as bits of 1.5 * 2^23 + z
//   v15     0x4b40: above a byte n it makes             v16 .. v19  codes of 128
//           the float 1.5 * 2^23 + n

#define GK_QDOT_SET 288
#include "gk_qdot_neon_16.h"
#ifdef __aarch64__

.macro SETUP
    GK_QDOT_QUADS 6, 0, 0x0202, 0x0404, 0, 0, 0, 0, 0
    mov     w9, #0x4b40
    mov     w10, #0x3f800000
    dup     v15.8h, w9
    mov     w9, #0x3e800000
    mov     w11, #0x3d800000
    dup     v28.4s, w10
    dup     v29.4s, w10
    mov     v28.s[2], w9
    mov     v28.s[3], w9
    mov     v29.s[0], w11
    mov     v29.s[1], w11
    stp     q28, q29, [x0, #768]
.endm

.macro EIGHT_FLOATS w, h             // s and m of eight groups of 16
    ldr     d8, [\w, #8*\h]
    ldr     s14, [\w, #80]
    movi    v12.8b, #15
    ushr    v10.8b, v8.8b, #4
    and     v8.8b, v8.8b, v12.8b
    fcvtl   v14.4s, v14.4h
    ushll   v10.8h, v10.8b, #0
    ushll   v8.8h, v8.8b, #0
    zip2    v11.8h, v10.8h, v15.8h
    zip2    v9.8h, v8.8h, v15.8h
    zip1    v10.8h, v10.8h, v15.8h
    zip1    v8.8h, v8.8h, v15.8h
    fsub    v11.4s, v11.4s, v7.4s
    fsub    v9.4s, v9.4s, v7.4s
    fsub    v10.4s, v10.4s, v7.4s
    fsub    v8.4s, v8.4s, v7.4s
    fmul    v11.4s, v11.4s, v14.s[1]
    fmul    v9.4s, v9.4s, v14.s[0]
    fmul    v10.4s, v10.4s, v14.s[1]
    fmul    v8.4s, v8.4s, v14.s[0]
    fdiv    v13.4s, v11.4s, v9.4s
    fdiv    v12.4s, v10.4s, v8.4s
.endm

.macro EIGHT_ZEROS r, h              // z and rest, exact; all to memory
    movi    v14.4s, #0
    stp     q8, q9, [x17, #64*\r + 32*\h]
    fmaxnm  v13.4s, v13.4s, v14.4s  // NaN is 0
    fmaxnm  v12.4s, v12.4s, v14.4s
    fmov    v14.4s, #3.0
    fmin    v13.4s, v13.4s, v14.4s
    fmin    v12.4s, v12.4s, v14.4s
    fadd    v13.4s, v13.4s, v7.4s
    fadd    v12.4s, v12.4s, v7.4s
    fsub    v14.4s, v13.4s, v7.4s
    fmls    v11.4s, v14.4s, v9.4s
    fsub    v14.4s, v12.4s, v7.4s
    fmls    v10.4s, v14.4s, v8.4s
    uzp1    v12.8h, v12.8h, v13.8h
    xtn     v12.8b, v12.8h
    ushl    v12.8b, v12.8b, v6.8b
    stp     q10, q11, [x17, #160 + 64*\r + 32*\h]
    str     d12, [x17, #128 + 16*\r + 8*\h]
.endm

.macro HEAD d
    EIGHT_FLOATS x5, 0
    EIGHT_ZEROS 0, 0
    EIGHT_FLOATS x5, 1
    EIGHT_ZEROS 0, 1
    EIGHT_FLOATS x6, 0
    EIGHT_ZEROS 1, 0
    EIGHT_FLOATS x6, 1
    EIGHT_ZEROS 1, 1
.endm

.macro REST d, j                    // of 64 codes, to the sums
    ldr     q28, [x16, #160 + 16*(\j)]
    ldr     q29, [x16, #224 + 16*(\j)]
    ldr     q30, [x3, #256*\d + 64 + 16*(\j)]
    fmls    v0.4s, v28.4s, v30.4s
    fmls    v1.4s, v29.4s, v30.4s
.endm

.macro SCALES_F d, j                // v2, v3 = s times the scale of x / f, of 64 codes
    ldr     q29, [x0, #768 + 16*((\j) & 1)]
    ldr     q28, [x3, #256*\d + 16*(\j)]
    ldr     q2, [x16, #16*(\j)]
    ldr     q3, [x16, #16*(\j) + 64]
    fmul    v28.4s, v28.4s, v29.4s
    fmul    v2.4s, v2.4s, v28.4s
    fmul    v3.4s, v3.4s, v28.4s
.endm

.macro GROUP d, c, k                // of half c
    ldr     q29, [x16, #128]
    ldr     q31, [x16, #144]
.if \k == 0
    GK_QDOT_LOAD BYTES, 16 + 32*\c
.endif
.if \k < 3
    movi    v28.16b, #3 << (2*\k)
    GK_QDOT_ALL and, CODES, BYTES, v28.16b
.else
    GK_QDOT_ALL ushr, CODES, BYTES, #6
.endif
    dup     v28.16b, v29.b[8*\c + 2*\k]
    dup     v30.16b, v31.b[8*\c + 2*\k]
    dup     v29.16b, v29.b[8*\c + 2*\k + 1]
    dup     v31.16b, v31.b[8*\c + 2*\k + 1]
    sub     v24.16b, v24.16b, v28.16b
    sub     v25.16b, v25.16b, v29.16b
    sub     v26.16b, v26.16b, v30.16b
    sub     v27.16b, v27.16b, v31.16b
    PRODUCTS_OF \d, 4*\c + \k, 2*(\k & 1)
.endm

.macro HALF d, c, w                 // 128 codes, and the scales of the next block of a row
    SCALES_F \d, 2*\c
    REST    \d, 2*\c
    GROUP   \d, \c, 0
    EIGHT_FLOATS \w, 0
    GROUP   \d, \c, 1
    EIGHT_ZEROS \c, 0
    SCALES_F \d, 2*\c + 1
    REST    \d, 2*\c + 1
    GROUP   \d, \c, 2
    EIGHT_FLOATS \w, 1
    GROUP   \d, \c, 3
    EIGHT_ZEROS \c, 1
.endm

.macro BLOCK d
    GK_QDOT_AHEAD x1, 3
    HALF    \d, 0, x5
    GK_QDOT_AHEAD x2, 3
    HALF    \d, 1, x6
.endm

#endif
