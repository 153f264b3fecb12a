// gk_qdot_neon_levels.h -- what rows by one row of x have in common whose codes are one of 16 levels.
//
//   Nibbles of 32 are in 16 bytes, whose low halves are the first 16.
//
//   v6  levels     v12  fifteens

#ifdef __aarch64__

.macro SETUP_IQ4                    // -127 .. 113
    GK_QDOT_QUADS 6, 0x9881, 0xbfad, 0xddcf, 0xf6ea, 0x0d01, 0x2619, 0x4535, 0x7159
    movi    v12.16b, #15
.endm

.macro SETUP_FP4                    // 0, 1, 2, 3, 4, 6, 8, 12, and their negatives
    GK_QDOT_QUADS 6, 0x0100, 0x0302, 0x0604, 0x0c08, 0xff00, 0xfdfe, 0xfafc, 0xf4f8
    movi    v12.16b, #15
.endm

.macro LEVELS                       // 32 codes of both rows, from nibbles in v24 and v26
    ushr    v25.16b, v24.16b, #4
    ushr    v27.16b, v26.16b, #4
    and     v24.16b, v24.16b, v12.16b
    and     v26.16b, v26.16b, v12.16b
    tbl     v25.16b, {v6.16b}, v25.16b
    tbl     v27.16b, {v6.16b}, v27.16b
    tbl     v24.16b, {v6.16b}, v24.16b
    tbl     v26.16b, {v6.16b}, v26.16b
.endm

#endif
