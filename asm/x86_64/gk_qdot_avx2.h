// gk_qdot_avx2.h -- what rows of codes by one row of x have in common.                      AVX2 FMA F16C, AVX-VNNI or not
//
//   void gk_qdot_avx2_FORMAT_2(struct DotJob* job);              the job is used up: rows and blocks are not 0
//   void gk_qdot_avxvnni_FORMAT_2(struct DotJob* job);           the same, where GK_QDOT_VNNI is defined
//
//   y[s * y_segment + i] = row i of segment s of W . x, for two segments, x in fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         72 codebook
//         128 float sum[2][8]   192 double total[2]   208 chains left of the total   224 room of HEAD
//         256, GK_QDOT_SECOND scales of this block and the next, in turns
//
//   x, a block of 256:  0        int8  digit 2, then for three digits uint8 digits 1 and 0, 256 each: to base 256 for
//                                AVX-VNNI, else 128
//                       D 256    int16 minus[64][2]: -sum X of four = minus[0] + 512 minus[1]
//                       D 256 + 256      for AVX-VNNI: int32 start[64] = -128 sum of digit 2 of four
//                       D 256 + X_SCALE  float scale[16], sum[16]
//
//   rdi  job            r8   bytes to segment 1         ymm0 .. ymm2    free
//   rsi  the block of   r9   scales of the block        ymm3            minus or start of 32 of x, or what is made of it
//        segment 0      r10  scales of the next         ymm4 .. ymm6    digits 2, 1, 0 of 32 of x
//   rdx  x              r11  the next rdx, rax the      ymm7, ymm12     AVX-VNNI: bytes one up, to shift by; zeros
//   rcx  blocks left         next rsi; the last of      ymm7, 12, 13    else words of 16384, 128, 1: places of digits
//                            a row is its own next      ymm8, ymm9      sums of the two rows, by lanes
//   r9 < r10 in the first block of a chain              others          of the format; HEAD may use ymm0 .. ymm6
//
//   Scales are made a block ahead, by HEAD, and kept in memory: they take long, and codes need not wait for them.
//
//   A lane is the sum of four code X: exact, from it comes what the offset takes; then one FMA. Two blocks are a chain of
//   FMA, eight chains are added up as floats, these in double: the order of the twin, code_rows in section [15].
//
//   Without AVX-VNNI two products are added in 16 bits. |digit| <= 127, so that they are at most 2 . 127 . 127 for codes
//   0 .. 127. For signed codes they are |code| times digit 2 with the sign of the code, and digits 1 and 0, which are not
//   negative, times the code: at most 2 . 128 . 127 = 32512.

#include "../gk_asm.h"
#ifdef __x86_64__

#ifndef GK_QDOT_SECOND
#define GK_QDOT_SECOND 448
#endif
#define DATA rip + L(data)
#define W0 rsi                      // the block of each row, and the next
#define W1 rsi + r8
#define N0 rax
#define N1 rax + r8

#ifdef GK_QDOT_VNNI
#define X_SCALE 512
#else
#define X_SCALE 256
#endif

.macro GK_QDOT_EACH op              // \op row, its sums
    \op 0, ymm8
    \op 1, ymm9
.endm

// ---- sums of lanes, in order -----------------------------------------------------

.macro GK_QDOT_CLEAR r, acc
    vpxor   \acc, \acc, \acc
.endm

.macro GK_QDOT_OPEN r, acc          // no sums yet
    vmovaps ymmword ptr [rdi + 128 + 32*\r], ymm0
    vmovsd  qword ptr [rdi + 192 + 8*\r], xmm0
.endm

.macro GK_QDOT_CHAIN r, acc         // sum[r] += the chain
    vaddps  \acc, \acc, ymmword ptr [rdi + 128 + 32*\r]
    vmovaps ymmword ptr [rdi + 128 + 32*\r], \acc
.endm

.macro GK_QDOT_FOLD r, acc          // total[r] += all lanes of sum[r] = 0
    vmovaps ymm0, ymmword ptr [rdi + 128 + 32*\r]
    vextractf128 xmm1, ymm0, 1
    vaddps  xmm0, xmm0, xmm1
    vmovhlps xmm1, xmm0, xmm0
    vaddps  xmm0, xmm0, xmm1
    vmovshdup xmm1, xmm0
    vaddss  xmm0, xmm0, xmm1
    vcvtss2sd xmm0, xmm0, xmm0
    vaddsd  xmm0, xmm0, qword ptr [rdi + 192 + 8*\r]
    vmovsd  qword ptr [rdi + 192 + 8*\r], xmm0
    vpxor   xmm0, xmm0, xmm0
    vmovaps ymmword ptr [rdi + 128 + 32*\r], ymm0
.endm

.macro GK_QDOT_STORE r, acc         // *r11 = total[r]; r11 += rax
    vcvtsd2ss xmm0, xmm0, qword ptr [rdi + 192 + 8*\r]
    vmovss  dword ptr [r11], xmm0
    add     r11, rax
.endm

// ---- codes by digits -------------------------------------------------------------

.macro GK_QDOT_X d, g               // group g of x: its digits
    vmovdqu ymm4, ymmword ptr [rdx + 32*(\g)]
.if \d == 3
    vmovdqu ymm5, ymmword ptr [rdx + 32*(\g) + 256]
    vmovdqu ymm6, ymmword ptr [rdx + 32*(\g) + 512]
.endif
.endm

.macro GK_QDOT_MINUS d, g           // ymm3 = its minus
    vmovdqu ymm3, ymmword ptr [rdx + 256*\d + 32*(\g)]
.endm

.macro GK_QDOT_MINUS_Z d, g, z      // ymm3 = -z sum X of four, of (z, 512 z)
    vpmaddwd ymm3, \z, ymmword ptr [rdx + 256*\d + 32*(\g)]
.endm

//   GK_QDOT_DOT d      ymm0 = ymm3 + sums of four codes X, codes 0 .. 127 in ymm1
//   GK_QDOT_DOT_Z d    ymm0 = sums of four (code - z) X, of the same, (z, 512 z) in ymm2 and minus in ymm3
//   GK_QDOT_START d, g, GK_QDOT_DOT_S d    ymm0 = sums of four codes X, signed codes in ymm1, signs of bytes in ymm15;
//                      \known: without AVX-VNNI their magnitudes are in ymm0, and for one digit ymm1 need but have their
//                      signs

#ifdef GK_QDOT_VNNI

.macro GK_QDOT_PLACES
    vmovdqa ymm7, ymmword ptr [DATA]
    vpxor   xmm12, xmm12, xmm12
.endm

.macro GK_QDOT_PLACES_DATA
    .byte   -1, 0, 1, 2, -1, 4, 5, 6, -1, 8, 9, 10, -1, 12, 13, 14
    .byte   -1, 0, 1, 2, -1, 4, 5, 6, -1, 8, 9, 10, -1, 12, 13, 14
    .zero   64
.endm

.macro GK_QDOT_LOWER                // ymm0 = 65536 ymm0 + sums of four codes by digits 1 and 0: they may be signed
    vpshufb ymm0, ymm0, ymm7
    {vex} vpdpbusd ymm0, ymm5, ymm1
    vpshufb ymm0, ymm0, ymm7
    {vex} vpdpbusd ymm0, ymm6, ymm1
.endm

.macro GK_QDOT_DOT d
.if \d == 1
    vmovdqa ymm0, ymm3
    {vex} vpdpbusd ymm0, ymm1, ymm4
.else
    vmovdqa ymm0, ymm12
    {vex} vpdpbusd ymm0, ymm1, ymm4
    GK_QDOT_LOWER
    vpaddd  ymm0, ymm0, ymm3
.endif
.endm

.macro GK_QDOT_DOT_Z d
.if \d == 1
    vpmaddwd ymm0, ymm2, ymm3
    {vex} vpdpbusd ymm0, ymm1, ymm4
.else
    vmovdqa ymm0, ymm12
    {vex} vpdpbusd ymm0, ymm1, ymm4
    GK_QDOT_LOWER
    {vex} vpdpwssd ymm0, ymm2, ymm3
.endif
.endm

.macro GK_QDOT_START d, g           // ymm3 = what digit 2 times code + 128 is too much
    vmovdqu ymm3, ymmword ptr [rdx + 256*\d + 256 + 32*(\g)]
.endm

.macro GK_QDOT_DOT_S d, known
    vpxor   ymm2, ymm1, ymm15
    vmovdqa ymm0, ymm3
    {vex} vpdpbusd ymm0, ymm2, ymm4
.if \d == 3
    GK_QDOT_LOWER
.endif
.endm

#else

.macro GK_QDOT_PLACES
    vmovdqa ymm7,  ymmword ptr [DATA]
    vmovdqa ymm12, ymmword ptr [DATA + 32]
    vmovdqa ymm13, ymmword ptr [DATA + 64]
.endm

.macro GK_QDOT_PLACES_DATA
    .short  16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384
    .short  16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384
    .short  128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128
    .short  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
.endm

.macro GK_QDOT_SUM d, less          // ymm0, words, times the place of digit 2; + \less; + codes, signed or not, by the others
.if \d == 1
    vpmaddwd ymm0, ymm0, ymm13
.else
    vpmaddwd ymm0, ymm0, ymm7
.endif
.ifnb \less
    vpaddd  ymm0, ymm0, \less
.endif
.if \d == 3
    vpmaddubsw ymm2, ymm5, ymm1
    vpmaddubsw ymm1, ymm6, ymm1
    vpmaddwd ymm2, ymm2, ymm12
    vpmaddwd ymm1, ymm1, ymm13
    vpaddd  ymm0, ymm0, ymm2
    vpaddd  ymm0, ymm0, ymm1
.endif
.endm

.macro GK_QDOT_DOT d
    vpmaddubsw ymm0, ymm1, ymm4
    GK_QDOT_SUM \d, ymm3
.endm

.macro GK_QDOT_DOT_Z d
    vpmaddubsw ymm0, ymm1, ymm4
    vpmaddwd ymm2, ymm2, ymm3
    GK_QDOT_SUM \d, ymm2
.endm

.macro GK_QDOT_START d, g
.endm

.macro GK_QDOT_DOT_S d, known
.ifb \known
    vpabsb  ymm0, ymm1
.endif
    vpsignb ymm2, ymm4, ymm1
    vpmaddubsw ymm0, ymm0, ymm2
    GK_QDOT_SUM \d
.endm

#endif

// ---- scales ----------------------------------------------------------------------

.macro GK_QDOT_ADD acc, scale       // \acc += ymm0 times a scale of the block
    vbroadcastss ymm1, dword ptr [r9 + \scale]
    vcvtdq2ps ymm0, ymm0
    vfmadd231ps \acc, ymm0, ymm1
.endm

.macro GK_QDOT_X_SCALES d           // ymm4 = scales of the next x, one for a group
    vmovups ymm4, ymmword ptr [r11 + 256*\d + X_SCALE]
    vshufps ymm4, ymm4, ymmword ptr [r11 + 256*\d + X_SCALE + 32], 0x88
    vpermpd ymm4, ymm4, 0xd8
.endm

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

// STEPS as most formats have it, by STEP \d, \g, \r, \at, \acc, that of row r: SIGNED_CODES, or codes 0 .. 127 less z
// in register LESS_Z.

#if defined SIGNED_CODES || defined LESS_Z
.macro STEPS d, g                   // group g of both rows
    GK_QDOT_X \d, \g
#ifdef LESS_Z
    GK_QDOT_MINUS_Z \d, \g, LESS_Z
#else
    GK_QDOT_START \d, \g
#endif
    STEP    \d, \g, 0, W0, ymm8
    STEP    \d, \g, 1, W1, ymm9
.endm
#endif

.macro GK_QDOT_GROUPS d             // a block of both rows, by STEPS \d, \g of the format: group g
    STEPS   \d, 0
    STEPS   \d, 1
    STEPS   \d, 2
    STEPS   \d, 3
    STEPS   \d, 4
    STEPS   \d, 5
    STEPS   \d, 6
    STEPS   \d, 7
.endm

// ---- the function ----------------------------------------------------------------

.macro GK_QDOT_AHEAD bytes          // prefetches a block of each row
.irp line, 0, 64, 128, 192, 256
.if \line < \bytes
    prefetcht0 byte ptr [W0 + 2048 + \line]
    prefetcht0 byte ptr [W1 + 2048 + \line]
.endif
.endr
.endm

.macro GK_QDOT_ROWS d, bytes        // all rows: HEAD \d for scales of the next block, BLOCK \d for these and a block of the two
L(row\d):
    mov     rsi, qword ptr [rdi]
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 48]
    vpxor   xmm0, xmm0, xmm0
    GK_QDOT_EACH GK_QDOT_OPEN
    mov     rax, rsi
    mov     r11, rdx
    lea     r9,  [rdi + GK_QDOT_SECOND]
    lea     r10, [rdi + 256]
    HEAD    \d
    xchg    r9, r10
L(total\d):
    mov     dword ptr [rdi + 208], 8
L(chain\d):
    GK_QDOT_EACH GK_QDOT_CLEAR
    .balign 32
L(block\d):
    lea     rax, [rsi + \bytes]
    lea     r11, [rdx + 256*\d + X_SCALE + 128]
    cmp     rcx, 1                  // the last of a row is its own next
    cmove   rax, rsi
    cmove   r11, rdx
    GK_QDOT_AHEAD \bytes
    BLOCK   \d
    mov     rsi, rax
    mov     rdx, r11
    xchg    r9, r10
    dec     rcx
    jz      L(last\d)
    cmp     r9, r10
    ja      L(block\d)
    GK_QDOT_EACH GK_QDOT_CHAIN
    dec     dword ptr [rdi + 208]
    jnz     L(chain\d)
    GK_QDOT_EACH GK_QDOT_FOLD
    jmp     L(total\d)
L(last\d):
    GK_QDOT_EACH GK_QDOT_CHAIN
    GK_QDOT_EACH GK_QDOT_FOLD
    mov     r11, qword ptr [rdi + 56]
    mov     rax, qword ptr [rdi + 64]
    shl     rax, 2
    GK_QDOT_EACH GK_QDOT_STORE
    add     qword ptr [rdi + 56], 4
    mov     r11, qword ptr [rdi + 8]
    add     qword ptr [rdi], r11
    dec     qword ptr [rdi + 24]
    jnz     L(row\d)
    GK_RETURN
.endm

.macro GK_QDOT_FUNC name, bytes     // the function, from CONSTANTS, SETUP, HEAD and BLOCK; constants begin at DATA + 96
GK_CONST \name\()_data
L(data):
    GK_QDOT_PLACES_DATA
    CONSTANTS
GK_FUNC \name, 1
    mov     r8, qword ptr [rdi + 16]
    GK_QDOT_PLACES
    SETUP
    cmp     qword ptr [rdi + 40], 1
    je      L(row1)
    GK_QDOT_ROWS 3, \bytes
    GK_QDOT_ROWS 1, \bytes
GK_ENDFUNC \name
.endm

#endif
