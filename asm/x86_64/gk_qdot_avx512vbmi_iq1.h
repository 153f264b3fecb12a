// gk_qdot_avx512vbmi_iq1.h -- the grid of IQ1_S and IQ1_M, 2048 rows of 8 weights.         AVX-512 VNNI, VBMI and GFNI
//
//   As gk_qdot_avx512vbmi.h, but there are too many rows for planes. A row of the codebook is a word, with two bits for a
//   weight, 0, 1 or 2: nibble i is of weights i and 4 + i. One is loaded at a time, which takes time of its own: indices of
//   the block after the next are made and kept, rows of the next block looked up among all else, and codes of this one made
//   and multiplied. LOOK \n looks up 8 \n rows.
//
//   Of a row lane 4j + i of vector h has weights 16 (4i + j) + 4h and on: two indices, and so they are kept, words 2l and
//   2l + 1 for lane l. HIGH \a, \b of the format makes their upper bits, and what else there is, in zmm2: bytes for 8 indices
//   of a, 8 of b, by j. FINISH \r, \v0 .. \v3 makes codes of bytes of which bits 3 and 4 are those of weights.
//
//   zmm22, zmm23  places of weights, of vectors 0 and 2     zmm26  bytes of 24
//
//   job: 104 the block whose indices are next   112 blocks left of its row   120 rows left   440 its row
//        384 rsi   392 rcx   400 r10            128 rows of the next block   6016 indices, of each row 64 bytes
//   rcx  codebook     rsi, r10, zmm17  free for LOOK

#define GK_QDOT_BETWEEN BETWEEN
#include "gk_qdot_avx512vbmi.h"
#ifdef __x86_64__

.macro GK_QDOT_IQ1_DATA             // the first 256 bytes of the constants
    GK_QDOT_GRID_DATA 0.125
    .byte   61, 1, 5, 9, 29, 33, 37, 41, 13, 17, 21, 25, 45, 49, 53, 57         // 128  3 before those of weights
    .zero   16
    .long   0x18181818, 0x07070707, 0, 0, 0, 0, 0, 0                            // 160
.irp j, 0, 2, 4, 6                                                              // 192  lower bytes of indices, of a, of b
.irp row, 0, 32
.irp i, 0, 8, 16, 24
    .byte   \row + \i + \j, \row + \i + \j + 1
.endr
.endr
.endr
.endm

.macro GK_QDOT_IQ1_SETUP qs, bytes
    vpbroadcastq zmm22, qword ptr [DATA + 128]
    vpbroadcastq zmm23, qword ptr [DATA + 136]
    vpbroadcastd zmm26, dword ptr [DATA + 160]
    mov     rax, qword ptr [rdi]
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 24]
    mov     qword ptr [rdi + 104], rax
    mov     qword ptr [rdi + 440], rax
    mov     qword ptr [rdi + 112], rcx
    mov     qword ptr [rdi + 120], rdx
    GK_QDOT_IQ1_INDICES \qs, \bytes, 0
    mov     rcx, qword ptr [rdi + 72]
    .set    L(look), 0
    LOOK    16
    GK_QDOT_IQ1_INDICES \qs, \bytes, 1
    .set    L(ready), 0
.endm

// ---- indices ---------------------------------------------------------------------

.macro GK_QDOT_IQ1_INDEX a, b, pair // of two rows; zmm4 the order of lower bytes
    vmovdqu ymm0, ymmword ptr [\a]
    vinserti64x4 zmm0, zmm0, ymmword ptr [\b], 1
    vpermb  zmm0, zmm4, zmm0
    HIGH    \a, \b
    vpandd  zmm2, zmm2, zmm7
    vpunpcklbw zmm1, zmm0, zmm2
    vpunpckhbw zmm2, zmm0, zmm2
    vmovdqa64 zmmword ptr [rdi + 6016 + 128*\pair], zmm1
    vmovdqa64 zmmword ptr [rdi + 6080 + 128*\pair], zmm2
.endm

.macro GK_QDOT_IQ1_INDICES qs, bytes, n     // of four rows of the block after the next, when LOOK has read what was there
    mov     rax, qword ptr [rdi + 104]
    vmovdqa64 zmm4, zmmword ptr [DATA + 192]
    vpbroadcastd zmm7, dword ptr [DATA + 164]
    HIGH_SETUP
    LOOK_UP 8
    GK_QDOT_IQ1_INDEX N0 + \qs, N1 + \qs, 0
    LOOK_UP 16
    GK_QDOT_IQ1_INDEX N2 + \qs, N3 + \qs, 1
    add     rax, \bytes
    dec     qword ptr [rdi + 112]
    jnz     L(same\n)
    mov     rax, qword ptr [rdi + 32]                   // the next row; the last one is followed by itself
    mov     qword ptr [rdi + 112], rax
    mov     rax, qword ptr [rdi + 440]
    dec     qword ptr [rdi + 120]
    jle     L(same\n)
    add     rax, qword ptr [rdi + 8]
    mov     qword ptr [rdi + 440], rax
L(same\n):
    mov     qword ptr [rdi + 104], rax
.endm

// ---- rows of the next block ------------------------------------------------------

    .set    L(look), 16                                 // eights that are looked up

.macro LOOK n                       // so many more
    .set    L(until), L(look) + \n
    LOOK_UP L(until)
.endm

.macro LOOKS three, one             // of three digits, of one
.if L(d) == 3
    LOOK    \three
.else
    LOOK    \one
.endif
.endm

.macro LOOK_UP until                // all before these
.rept 16
.if L(look) < \until && L(look) < 16
    mov     esi, dword ptr [rdi + 6016 + 16*L(look)]
    movzx   r10d, si
    shr     esi, 16
    vmovd   xmm17, dword ptr [rcx + 2*r10]
    vpinsrw xmm17, xmm17, word ptr [rcx + 2*rsi], 1
.irp at, 2, 4, 6
    mov     esi, dword ptr [rdi + 6016 + 2*\at + 16*L(look)]
    movzx   r10d, si
    shr     esi, 16
    vpinsrw xmm17, xmm17, word ptr [rcx + 2*r10], \at
    vpinsrw xmm17, xmm17, word ptr [rcx + 2*rsi], \at + 1
.endr
    vmovaps xmmword ptr [rdi + 128 + 16*L(look)], xmm17
    .set    L(look), L(look) + 1
.endif
.endr
.endm

.macro BETWEEN
    LOOK    1
.endm

// ---- codes -----------------------------------------------------------------------

.macro GK_QDOT_IQ1_ROW r, v0, v1, v2, v3
    vmovdqa64 zmm0, zmmword ptr [rdi + 128 + 64*\r]
    vpmultishiftqb \v0, zmm22, zmm0
    vpmultishiftqb \v2, zmm23, zmm0
    vpsrlw  \v1, \v0, 2
    vpsrlw  \v3, \v2, 2
    FINISH  \r, \v0, \v1, \v2, \v3
.endm

.macro GK_QDOT_IQ1 d, qs, bytes     // the block, and the next scales: PRODUCTS \d, READY \d
    .set    L(look), 0
    GK_QDOT_AHEAD \bytes
    SIGNS
    mov     qword ptr [rdi + 384], rsi
    mov     qword ptr [rdi + 392], rcx
    mov     qword ptr [rdi + 400], r10
    mov     rcx, qword ptr [rdi + 72]
    GK_QDOT_IQ1_ROW 0, zmm18, zmm19, zmm20, zmm21
    GK_QDOT_IQ1_ROW 1, zmm12, zmm13, zmm14, zmm15
    GK_QDOT_IQ1_ROW 2, zmm4, zmm5, zmm6, zmm7
    GK_QDOT_IQ1_ROW 3, zmm28, zmm29, zmm30, zmm31
    lea     r11, [rdi + 896]
    PRODUCTS \d
    add     r11, 320
    cmp     r11, qword ptr [rdi + 432]
    jb      L(inputs\d)
L(made\d):
    mov     rax, qword ptr [rdi + 384]
    add     rax, \bytes
    cmp     qword ptr [rdi + 392], 1
    cmove   rax, qword ptr [rdi + 424]
    READY   \d
    GK_QDOT_IQ1_INDICES \qs, \bytes, 1\d
    mov     rsi, qword ptr [rdi + 384]
    mov     rcx, qword ptr [rdi + 392]
    mov     r10, qword ptr [rdi + 400]
.endm

.macro GK_QDOT_IQ1_HEAD d           // for the first block of all; others have it from the block before
.if L(ready) == 0
    READY   \d
.endif
    .set    L(ready), 1 - L(ready)
.endm

.macro GK_QDOT_IQ1_INPUTS d         // out of line: the other rows of x
L(inputs\d):
    mov     rax, rdx
L(input\d):
    add     rdx, qword ptr [rdi + 88]
    PRODUCTS \d
    GK_QDOT_INPUTS L(input\d)
    mov     rdx, rax
    jmp     L(made\d)
.endm

#endif
