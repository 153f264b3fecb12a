// gk_qdot_neon_iq4.h -- what rows of IQ4_NL and IQ4_XS by one row of x have in common: 16 levels, -127 .. 113.
//
//   Nibbles of 32 are in 16 bytes, whose low halves are the first 16.
//
//   v6  levels     v12  fifteens

#ifdef __aarch64__

.macro SETUP_IQ4
    GK_QDOT_QUADS 6, 0x9881, 0xbfad, 0xddcf, 0xf6ea, 0x0d01, 0x2619, 0x4535, 0x7159
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
