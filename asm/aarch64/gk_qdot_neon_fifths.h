// gk_qdot_neon_fifths.h -- what rows of Q5_0 and Q5_1 by one row of x have in common: codes of 5 bits.
//
//   Fifth bits of 32 are in 4 bytes, before 16 bytes of nibbles, whose low halves are the first 16. Where the fifth bit
//   is clear, ones are shifted in above the nibble: that makes the signed byte q - 16.
//
//   v6  1 << 0 .. 1 << 7, twice     v15, v16  the bytes of fifth bits of the first 16 and of the others

#ifdef __aarch64__

.macro SETUP_FIFTHS
    GK_QDOT_QUADS 6, 0x0201, 0x0804, 0x2010, 0x8040, 0x0201, 0x0804, 0x2010, 0x8040
    GK_QDOT_QUADS 15, 0, 0, 0, 0, 0x0101, 0x0101, 0x0101, 0x0101
    movi    v16.16b, #2
    add     v16.16b, v16.16b, v15.16b
.endm

.macro FIFTHS at                    // 32 codes of both rows; uses v18, v19, v30, v31
    ldur    s30, [x1, #\at]
    ldur    s31, [x2, #\at]
    ldur    q24, [x1, #\at + 4]
    mvn     v30.8b, v30.8b
    ldur    q26, [x2, #\at + 4]
    mvn     v31.8b, v31.8b
    tbl     v25.16b, {v30.16b}, v16.16b
    tbl     v27.16b, {v31.16b}, v16.16b
    tbl     v18.16b, {v30.16b}, v15.16b
    tbl     v19.16b, {v31.16b}, v15.16b
    cmtst   v25.16b, v25.16b, v6.16b
    cmtst   v27.16b, v27.16b, v6.16b
    cmtst   v18.16b, v18.16b, v6.16b
    cmtst   v19.16b, v19.16b, v6.16b
    sri     v25.16b, v24.16b, #4
    sri     v27.16b, v26.16b, #4
    sli     v24.16b, v18.16b, #4
    sli     v26.16b, v19.16b, #4
.endm

#endif
