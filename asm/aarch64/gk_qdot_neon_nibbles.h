// gk_qdot_neon_nibbles.h -- what rows of codes of 4 bits have in common, with dot products or without.
//
//   16 bytes hold a group, low halves first: quads are sorted before they are split.
//
//   v14  with LEVELS what nibbles stand for     v15  fifteens

#ifdef __aarch64__

.macro SETUP_NIBBLES
    movi    v15.16b, #15
.endm

.macro SETUP_IQ4                    // -127 .. 113
    GK_QDOT_WORDS 14, 0x9881, 0xbfad, 0xddcf, 0xf6ea, 0x0d01, 0x2619, 0x4535, 0x7159
    SETUP_NIBBLES
.endm

.macro SETUP_FP4                    // 0, 1, 2, 3, 4, 6, 8, 12, and their negatives
    GK_QDOT_WORDS 14, 0x0100, 0x0302, 0x0604, 0x0c08, 0xff00, 0xfdfe, 0xfafc, 0xf4f8
    SETUP_NIBBLES
.endm

.macro NIBBLE low, high             // quads \low to \low and \high
    ushr    v\high\().16b, v\low\().16b, #4
    and     v\low\().16b, v\low\().16b, v15.16b
#ifdef LEVELS
    tbl     v\high\().16b, {v14.16b}, v\high\().16b
    tbl     v\low\().16b, {v14.16b}, v\low\().16b
#endif
.endm

.macro NIBBLES_OF l0, l1, l2, l3, h0, h1, h2, h3
    NIBBLE  \l0, \h0
    NIBBLE  \l1, \h1
    NIBBLE  \l2, \h2
    NIBBLE  \l3, \h3
.endm

.macro NIBBLES at, step             // of four groups of both rows, the first at \at
    GK_QDOT_LOAD x1, \at, \step, 16, 17, 18, 19
    GK_QDOT_LOAD x2, \at, \step, 24, 25, 26, 27
    GK_QDOT_FOUR 16, 17, 18, 19, 24, 25, 26, 27
    NIBBLES_OF 16, 17, 18, 19, 20, 21, 22, 23
    NIBBLES_OF 24, 25, 26, 27, 28, 29, 30, 31
.endm

#endif
