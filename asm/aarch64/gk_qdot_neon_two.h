// gk_qdot_neon_two.h -- what rows of TQ2_0 and Q2_K by a few rows of x have in common: codes of 2 bits, four groups in a byte.
//
//   v15  threes

#ifdef __aarch64__

.macro SETUP_TWO
    movi    v15.16b, #3
.endm

.macro TWO at, w, a, b, c, d        // of 16 bytes
    ldr     q\a, [\w, #\at]
    ushr    v\b\().16b, v\a\().16b, #2
    ushr    v\c\().16b, v\a\().16b, #4
    ushr    v\d\().16b, v\a\().16b, #6
    and     v\a\().16b, v\a\().16b, v15.16b
    and     v\b\().16b, v\b\().16b, v15.16b
    and     v\c\().16b, v\c\().16b, v15.16b
.endm

#endif
