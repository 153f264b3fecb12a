// gk_qdot_neon_bits.h -- what rows have in common that have a bit for each code, in 4 bytes of a group.
//
//   v10 .. v13  where bytes 0 .. 3 of a group are, four times each     v14, v15  bytes 1 << 0 .. 1 << 3, 1 << 4 .. 1 << 7

#ifdef __aarch64__

.macro SETUP_BITS
    GK_QDOT_WORDS 10, 0x0000, 0x0000, 0x0404, 0x0404, 0x0808, 0x0808, 0x0c0c, 0x0c0c
    movi    v15.16b, #1
    add     v11.16b, v10.16b, v15.16b
    add     v12.16b, v11.16b, v15.16b
    add     v13.16b, v12.16b, v15.16b
    mov     w9, #0x0201
    movk    w9, #0x0804, lsl #16
    dup     v14.4s, w9
    shl     v15.16b, v14.16b, #4
.endm

.macro BITS low, high, index, of    // of quads 2 i and 2 i + 1 of the bits \of: ones where they are set, by where byte i is
    tbl     v\high\().16b, {v\of\().16b}, v\index\().16b
    cmtst   v\low\().16b, v\high\().16b, v14.16b
    cmtst   v\high\().16b, v\high\().16b, v15.16b
.endm

#endif
