// gk_qdot_avx2.h -- what rows of codes by a few rows of x have in common.                   AVX2 FMA F16C, AVX-VNNI or not
//
//   void gk_qdot_avx2_FORMAT_2(struct DotJob* job);              the job is used up: rows, blocks and inputs are not 0
//   void gk_qdot_avxvnni_FORMAT_2(struct DotJob* job);           the same, where GK_QDOT_VNNI is defined
//
//   y[i * y_row + s * y_segment + r] = row r of segment s of W . row i of x, for two segments and up to sixteen rows of x, in
//   fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         72 codebook  80 inputs     88 x_bytes         96 y_row
//         128 of each row, ROOM bytes apart:  0 codes by lanes, eight vectors    256 codes in their order
//                      512 float s[2][8]      576 rest[2][8]      640 (z, 512 z)[2][8]      704 room of the format
//         INPUT of each input, 96 bytes apart: float sum[2][8]; double total[2]
//
//   x, a block of 256:  0      int8 digit 2, 1 and 0, or one, [8][8][4] each: vector j has four of each group of 32, from
//                              4 j on; to base 256 for AVX-VNNI, else 128, and then but digit 2 is signed
//                       D 256  float d[8]; of groups of 32: int16 minus[8][2], minus[0] + 512 minus[1] = -sum X;
//                              float sum[8]; int32 start[8] = -128 sum X, but without AVX-VNNI of digit 2 alone
//                 D 256 + 128  of groups of 16, first those that are the first halves: minus[2][8][2], float sum[2][8]
//
//   rdi  job              rax  the block of a row; of an input      ymm0 .. ymm9    free
//   rsi  the block of     r11  the room of a row; an input          ymm10 .. ymm15  of the format, while rows are made
//        segment 0        r9, r10  free                                             ready; of AVX-VNNI throughout
//   rdx  x                r8   bytes to segment 1        rcx  blocks left
//
//   A block is first made ready, row by row, by ROW of the format: scales, and codes as they are multiplied. A lane is then
//   the sum of code X of a group of 32, or of 16: exact, from it comes what the offset takes; then one FMA. Eight blocks are a
//   chain of FMA, chains are added up in double: the order of the twin, code_rows in section [15].
//
//   Nothing is lost: |code - offset| <= 128 and |X| <= 63 2^13, so that 32 products are below 2^31, and what wraps on the way
//   comes back.
//
//   Without AVX-VNNI two products are added in 16 bits. |digit| <= 127: DEPTH times two of codes up to 126 / DEPTH fit; |digit
//   2| <= 32: four times as many. Signed codes, DEPTH 1, are taken plus 128 by digit 2, twice two at most 255 . 32 . 4; and
//   digits 1 and 0, which are not negative, by them. One digit with the sign of the code is multiplied with |code|. At most
//   2 . 128 . 127.
//
//   With INDICES in the room of a row AHEAD makes them, from the block at rdx to the room at r9, one row before they are used:
//   what they point at comes late enough.
//
//   A format has one of Z, the offset of its codes, and Z_ODD, of every other group; ROW_Z, at 640 of its room; SIGNED_CODES,
//   which AVX-VNNI takes plus 128. RESTS: at 576 of its room. SCALES_OF_16.

#include "../gk_asm.h"
#ifdef __x86_64__

#define DATA rip + L(data)          // the constants of the format
#define COMMON rip + L(common)
#define ROOM 896
#define INPUT 1952
#define ROWS_END 1920               // of the job: the end of rooms, the end of inputs, blocks left of the chain, x
#define INPUTS_END 1928
#define LEFT 1936
#define X 1944
#ifndef Z_ODD
#define Z_ODD Z
#endif

#ifdef SCALES_OF_16
#define PARTS 2
#define X_SUMS 128                  // minus and sums of x, behind digits
#define X_FLOATS 192
#else
#define PARTS 1
#define X_SUMS 32
#define X_FLOATS 64
#endif

// ---- codes by lanes --------------------------------------------------------------

.macro GK_QDOT_PAIR to, at, apart   // 16 bytes at \at, and those so far on
    vmovdqu xmm\to, xmmword ptr [\at]
    vinserti128 ymm\to, ymm\to, xmmword ptr [\at + \apart], 1
.endm

.macro GK_QDOT_FOUR                 // of 16 of groups 0 | 4, .., 3 | 7 in ymm0 .. ymm3 quads 0 .. 3: ymm1, ymm4, ymm3, ymm0
    vpunpckldq ymm4, ymm0, ymm1
    vpunpckhdq ymm0, ymm0, ymm1
    vpunpckldq ymm5, ymm2, ymm3
    vpunpckhdq ymm2, ymm2, ymm3
    vpunpcklqdq ymm1, ymm4, ymm5
    vpunpckhqdq ymm4, ymm4, ymm5
    vpunpcklqdq ymm3, ymm0, ymm2
    vpunpckhqdq ymm0, ymm0, ymm2
.endm

.macro GK_QDOT_LANES h              // of half h of groups, to the room
    GK_QDOT_FOUR
    vmovdqa ymmword ptr [r11 + 128*\h], ymm1
    vmovdqa ymmword ptr [r11 + 128*\h + 32], ymm4
    vmovdqa ymmword ptr [r11 + 128*\h + 64], ymm3
    vmovdqa ymmword ptr [r11 + 128*\h + 96], ymm0
.endm

.macro GK_QDOT_HALVES               // of all, by HALF \h of the format: 16 of groups 0 | 4, .., 3 | 7 in ymm0 .. ymm3
    HALF    0
    GK_QDOT_LANES 0
    HALF    1
    GK_QDOT_LANES 1
.endm

.macro GK_QDOT_HALF h, at, step     // of half h of groups at \at, \step apart
    GK_QDOT_PAIR 0, \at + 16*\h, 4*\step
    GK_QDOT_PAIR 1, \at + 16*\h + \step, 4*\step
    GK_QDOT_PAIR 2, \at + 16*\h + 2*\step, 4*\step
    GK_QDOT_PAIR 3, \at + 16*\h + 3*\step, 4*\step
.endm

.macro GK_QDOT_NATURAL              // of all, by GROUP \g of the format: group g in ymm1
.irp g, 0, 1, 2, 3, 4, 5, 6, 7
    GROUP   \g
    vmovdqa ymmword ptr [r11 + 256 + 32*\g], ymm1
.endr
    GK_QDOT_HALF 0, r11 + 256, 32
    GK_QDOT_LANES 0
    GK_QDOT_HALF 1, r11 + 256, 32
    GK_QDOT_LANES 1
.endm

.macro GK_QDOT_MASK                 // fields of ymm0 .. ymm3, by ymm15
    vpand   ymm0, ymm0, ymm15
    vpand   ymm1, ymm1, ymm15
    vpand   ymm2, ymm2, ymm15
    vpand   ymm3, ymm3, ymm15
.endm

.macro GK_QDOT_NIBBLES              // ymm0, ymm2 to ymm0 .. ymm3, low and high by turns
    vpsrlw  ymm1, ymm0, 4
    vpsrlw  ymm3, ymm2, 4
    GK_QDOT_MASK
.endm

.macro GK_QDOT_UPPER                // ymm0 .. ymm3 with their upper bits, of ymm5, ymm6, ymm4, ymm7
    vpor    ymm0, ymm0, ymm5
    vpor    ymm1, ymm1, ymm6
    vpor    ymm2, ymm2, ymm4
    vpor    ymm3, ymm3, ymm7
.endm

// ---- codes by digits -------------------------------------------------------------
//
//   GK_QDOT_DOTS d, p    ymm0, ymm3 = sums of code X of the two rows, of part p

#ifdef GK_QDOT_VNNI

.macro GK_QDOT_DIGIT at, a, b
    vmovdqu ymm8, ymmword ptr [rax + \at]
    {vex} vpdpbusd \a, ymm6, ymm8
    {vex} vpdpbusd \b, ymm7, ymm8
.endm

.macro GK_QDOT_QUAD d, j
    vmovdqa ymm6, ymmword ptr [rdi + 128 + 32*(\j)]
    vmovdqa ymm7, ymmword ptr [rdi + 128 + ROOM + 32*(\j)]
.if \d == 1 && (\j) % 2
    GK_QDOT_DIGIT 32*(\j), ymm1, ymm4
.else
    GK_QDOT_DIGIT 32*(\j), ymm0, ymm3
.endif
.if \d == 3
    GK_QDOT_DIGIT 32*(\j) + 256, ymm1, ymm4
    GK_QDOT_DIGIT 32*(\j) + 512, ymm2, ymm5
.endif
.endm

.macro GK_QDOT_DIGITS a, b, c
    vpslld  \a, \a, 8
    vpaddd  \a, \a, \b
    vpslld  \a, \a, 8
    vpaddd  \a, \a, \c
.endm

.macro GK_QDOT_DOTS d, p
    vpxor   xmm0, xmm0, xmm0
    vpxor   xmm1, xmm1, xmm1
    vpxor   xmm3, xmm3, xmm3
    vpxor   xmm4, xmm4, xmm4
.if \d == 3
    vpxor   xmm2, xmm2, xmm2
    vpxor   xmm5, xmm5, xmm5
.endif
    GK_QDOT_QUAD \d, 4*\p
    GK_QDOT_QUAD \d, 4*\p + 1
    GK_QDOT_QUAD \d, 4*\p + 2
    GK_QDOT_QUAD \d, 4*\p + 3
.if PARTS == 1
    GK_QDOT_QUAD \d, 4
    GK_QDOT_QUAD \d, 5
    GK_QDOT_QUAD \d, 6
    GK_QDOT_QUAD \d, 7
.endif
.if \d == 3
    GK_QDOT_DIGITS ymm0, ymm1, ymm2
    GK_QDOT_DIGITS ymm3, ymm4, ymm5
.else                               // of every other quad: shorter chains
    vpaddd  ymm0, ymm0, ymm1
    vpaddd  ymm3, ymm3, ymm4
.endif
.endm

#else

//   A quad of codes is loaded once for all digits, into ymm1 and ymm2. ymm4 .. ymm9: words of a row by a digit; ymm10: x;
//   ymm11: a product; ymm12: codes without sign; ymm13: bytes of 128

#ifdef SIGNED_CODES
#define TOP_DEPTH 2
#elif DEPTH == 1 || PARTS == 2
#define TOP_DEPTH 4
#else
#define TOP_DEPTH 8
#endif

.macro GK_QDOT_PRODUCT d, digit, to, codes
#ifdef SIGNED_CODES
.if \d == 1                         // |codes|
    vpabsb  ymm12, \codes
    vpsignb \to, ymm10, \codes
    vpmaddubsw \to, ymm12, \to
.elseif \digit == 2                 // codes plus 128
    vpxor   ymm12, ymm13, \codes
    vpmaddubsw \to, ymm12, ymm10
.else
    vpmaddubsw \to, ymm10, \codes
.endif
#else
    vpmaddubsw \to, \codes, ymm10
#endif
.endm

.macro GK_QDOT_WORDS_BY d, digit, n, depth, words, codes, sum       // quad n of a part
.if \n % \depth
    GK_QDOT_PRODUCT \d, \digit, ymm11, \codes
    vpaddw  \words, \words, ymm11
.else
    GK_QDOT_PRODUCT \d, \digit, \words, \codes
.endif
.if \n % \depth == \depth - 1
.if \digit || \n >= \depth         // digit 0 is the first to be complete
    vpmaddwd \words, \words, ymmword ptr [COMMON + 64 - 32*\digit]
    vpaddd  \sum, \sum, \words
.else
    vpmaddwd \sum, \words, ymmword ptr [COMMON + 64]
.endif
.endif
.endm

.macro GK_QDOT_DIGIT d, digit, p, n, depth, first, second
    vmovdqu ymm10, ymmword ptr [rax + 256*(\d - 1 - \digit) + 32*(4*\p + \n)]
    GK_QDOT_WORDS_BY \d, \digit, \n, \depth, \first, ymm1, ymm0
    GK_QDOT_WORDS_BY \d, \digit, \n, \depth, \second, ymm2, ymm3
.endm

.macro GK_QDOT_QUAD d, p, n
    vmovdqa ymm1, ymmword ptr [rdi + 128 + 32*(4*\p + \n)]
    vmovdqa ymm2, ymmword ptr [rdi + 128 + ROOM + 32*(4*\p + \n)]
    GK_QDOT_DIGIT \d, 0, \p, \n, DEPTH, ymm4, ymm5
.if \d == 3
    GK_QDOT_DIGIT \d, 1, \p, \n, DEPTH, ymm6, ymm7
    GK_QDOT_DIGIT \d, 2, \p, \n, TOP_DEPTH, ymm8, ymm9
.endif
.endm

.macro GK_QDOT_DOTS d, p
#ifdef SIGNED_CODES
    vmovdqa ymm13, ymmword ptr [COMMON + 96]
#endif
    GK_QDOT_QUAD \d, \p, 0
    GK_QDOT_QUAD \d, \p, 1
    GK_QDOT_QUAD \d, \p, 2
    GK_QDOT_QUAD \d, \p, 3
.if PARTS == 1
    GK_QDOT_QUAD \d, \p, 4
    GK_QDOT_QUAD \d, \p, 5
    GK_QDOT_QUAD \d, \p, 6
    GK_QDOT_QUAD \d, \p, 7
.endif
.endm

#endif

// ---- sums by scales --------------------------------------------------------------

.macro GK_QDOT_ADD d, p, r, t       // sum[r] += \t less its offset, times the scales of part p
#if defined Z
    vpaddd  \t, \t, ymm9
#elif defined ROW_Z && defined GK_QDOT_VNNI
    {vex} vpdpwssd \t, ymm9, ymmword ptr [rdi + 128 + ROOM*\r + 640 + 32*\p]
#elif defined ROW_Z
    vpmaddwd ymm7, ymm9, ymmword ptr [rdi + 128 + ROOM*\r + 640 + 32*\p]
    vpaddd  \t, \t, ymm7
#elif defined GK_QDOT_VNNI
    vpaddd  \t, \t, ymm9
#else
.if \d == 3
    vpaddd  \t, \t, ymm9
.endif
#endif
    vmovaps ymm6, ymmword ptr [r11 + 32*\r]
    vmulps  ymm7, ymm8, ymmword ptr [rdi + 128 + ROOM*\r + 512 + 32*\p]
#ifdef RESTS
    vmovaps ymm2, ymmword ptr [rdi + 128 + ROOM*\r + 576 + 32*\p]
    vfmadd231ps ymm6, ymm2, ymmword ptr [rax + 256*\d + X_FLOATS + 32*\p]
#endif
    vcvtdq2ps \t, \t
    vfmadd231ps ymm6, \t, ymm7
    vmovaps ymmword ptr [r11 + 32*\r], ymm6
.endm

.macro GK_QDOT_PART d, p
    GK_QDOT_DOTS \d, \p
    vmovups ymm8, ymmword ptr [rax + 256*\d]
#if defined Z || defined ROW_Z
    vmovdqu ymm9, ymmword ptr [rax + 256*\d + X_SUMS + 32*\p]
#ifdef Z
    vpmaddwd ymm9, ymm9, ymmword ptr [COMMON + 96]
#endif
#else
    vmovdqu ymm9, ymmword ptr [rax + 256*\d + 96]
#endif
    GK_QDOT_ADD \d, \p, 0, ymm0
    GK_QDOT_ADD \d, \p, 1, ymm3
.endm

// ---- scales ----------------------------------------------------------------------

.macro GK_QDOT_WORDS at, bytes      // xmm0 = the words that begin eight blocks: each is loaded to where it stays
    vmovdqu xmm0, xmmword ptr [\at]
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)], 2
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)*2], 4
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)*3], 8
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)*4], 16
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)*5], 32
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)*6], 64
    vpblendw xmm0, xmm0, xmmword ptr [\at + (\bytes - 2)*7], 128
.endm

.macro GK_QDOT_HALF_SCALES bytes    // blocks of 32 that open with an f16
    GK_QDOT_WORDS rax, \bytes
    vcvtph2ps ymm0, xmm0
    vmovaps ymmword ptr [r11 + 512], ymm0
.endm

// ---- the function ----------------------------------------------------------------

.macro GK_QDOT_EACH label           // the end of a loop over inputs
    add     r11, 96
    cmp     r11, qword ptr [rdi + INPUTS_END]
    jb      \label
.endm

.macro GK_QDOT_INPUT d              // a block of the two rows by one of x
    GK_QDOT_PART \d, 0
.if PARTS == 2
    GK_QDOT_PART \d, 1
.endif
    add     rax, qword ptr [rdi + 88]
.endm

.macro GK_QDOT_FOLD r               // xmm0 = total[r] + all lanes of sum[r], which is 0 then
    vmovaps ymm0, ymmword ptr [r11 + 32*\r]
    vpxor   xmm2, xmm2, xmm2
    vextractf128 xmm1, ymm0, 1
    vaddps  xmm0, xmm0, xmm1
    vmovhlps xmm1, xmm0, xmm0
    vaddps  xmm0, xmm0, xmm1
    vmovshdup xmm1, xmm0
    vaddss  xmm0, xmm0, xmm1
    vcvtss2sd xmm0, xmm0, xmm0
    vaddsd  xmm0, xmm0, qword ptr [r11 + 64 + 8*\r]
    vmovaps ymmword ptr [r11 + 32*\r], ymm2
.endm

.macro GK_QDOT_FUNC name, bytes     // the function, from CONSTANTS, SETUP and ROW
GK_CONST \name\()_data
L(common):
    .fill   16, 2, 16384
    .fill   16, 2, 128
    .fill   16, 2, 1
#ifdef Z
    .rept 4
    .short  Z, 512*Z, Z_ODD, 512*Z_ODD
    .endr
#else
    .fill   32, 1, 128
#endif
    .balign 32
L(data):
    CONSTANTS
GK_FUNC \name, 1
    mov     r8, qword ptr [rdi + 16]
    lea     rax, [rdi + 128 + 2*ROOM]
    mov     qword ptr [rdi + ROWS_END], rax
    imul    rax, qword ptr [rdi + 80], 96
    lea     rax, [rdi + rax + INPUT]
    mov     qword ptr [rdi + INPUTS_END], rax
#ifdef GK_QDOT_VNNI
    SETUP
#endif
    vpxor   xmm2, xmm2, xmm2
    lea     r11, [rdi + INPUT]
L(open):
    vmovaps ymmword ptr [r11], ymm2
    vmovaps ymmword ptr [r11 + 32], ymm2
    vmovaps ymmword ptr [r11 + 64], ymm2
    GK_QDOT_EACH L(open)
L(row):
    mov     rsi, qword ptr [rdi]
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 48]
#ifdef INDICES
    mov     qword ptr [rdi + X], rdx
    mov     rdx, rsi
    lea     r9,  [rdi + 128]
    AHEAD
#endif
L(chain):
    mov     dword ptr [rdi + LEFT], 8
    .balign 32
L(block):
#ifndef GK_QDOT_VNNI
    SETUP
#endif
    mov     rax, rsi
    lea     r11, [rdi + 128]
L(codes):
.irp line, 0, 64, 128, 192, 256
.if \line < \bytes
    prefetcht0 byte ptr [rax + 2048 + \line]
.endif
.endr
#ifdef INDICES
    lea     rdx, [rsi + \bytes]
    cmp     rcx, 1                  // the last block of a row is its own next
    cmove   rdx, rsi
    lea     r9,  [rax + r8]
    lea     r10, [rdi + 128]
    cmp     r11, r10
    cmove   rdx, r9
    lea     r9,  [rdi + rdi + 128 + 128 + ROOM]
    sub     r9,  r11
    AHEAD
#endif
    ROW
    add     rax, r8
    add     r11, ROOM
    cmp     r11, qword ptr [rdi + ROWS_END]
    jb      L(codes)
#ifdef INDICES
    mov     rdx, qword ptr [rdi + X]
#endif
    mov     rax, rdx
    lea     r11, [rdi + INPUT]
    cmp     qword ptr [rdi + 40], 1
    je      L(one)
L(three):
    GK_QDOT_INPUT 3
    GK_QDOT_EACH L(three)
    add     rdx, 256*3 + 256
L(next):
#ifdef INDICES
    mov     qword ptr [rdi + X], rdx
#endif
    add     rsi, \bytes
    dec     rcx
    jz      L(last)
    dec     dword ptr [rdi + LEFT]
    jnz     L(block)
    lea     r11, [rdi + INPUT]
L(fold):
    GK_QDOT_FOLD 0
    vmovsd  qword ptr [r11 + 64], xmm0
    GK_QDOT_FOLD 1
    vmovsd  qword ptr [r11 + 72], xmm0
    GK_QDOT_EACH L(fold)
    jmp     L(chain)
L(one):
    GK_QDOT_INPUT 1
    GK_QDOT_EACH L(one)
    add     rdx, 256 + 256
    jmp     L(next)
L(last):
    lea     r11, [rdi + INPUT]
    mov     rdx, qword ptr [rdi + 56]
    mov     rax, qword ptr [rdi + 64]
    mov     r10, qword ptr [rdi + 96]
L(store):
    GK_QDOT_FOLD 0
    vcvtsd2ss xmm0, xmm0, xmm0
    vmovss  dword ptr [rdx], xmm0
    GK_QDOT_FOLD 1
    vcvtsd2ss xmm0, xmm0, xmm0
    vmovss  dword ptr [rdx + 4*rax], xmm0
    vmovaps ymmword ptr [r11 + 64], ymm2
    lea     rdx, [rdx + 4*r10]
    GK_QDOT_EACH L(store)
    add     qword ptr [rdi + 56], 4
    mov     r11, qword ptr [rdi + 8]
    add     qword ptr [rdi], r11
    dec     qword ptr [rdi + 24]
    jnz     L(row)
    GK_RETURN
GK_ENDFUNC \name
.endm

#endif
