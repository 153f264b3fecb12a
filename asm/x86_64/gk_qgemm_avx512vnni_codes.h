// gk_qgemm_avx512vnni_codes.h -- the microkernel of panels of codes, G = 4 QUADS of k to a scale.     AVX-512 F, BW, VNNI
//
//   void name(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);
//
//   t[r][c] = sum over groups of   d[r] * s[c] * (65536 n2 + 256 n1 + n0),   n = start[c] + sum of x[.][r] * w[.][c]
//
//   rdi  groups   0 allowed                 x: per digit, the highest first, uint8 [groups][QUADS][rows][4]: digits + 128,
//   rsi  digits   1 .. 3                       four consecutive k of a row together; then float d[groups][rows]
//   rdx  rows     1 .. 7                    codes: int8 [groups][QUADS][32][4], four consecutive k of a column together;
//   rcx  x                                     then per group int32 start[32] = -128 sum of w, float s[32]
//   r8   codes
//   r9   t        [rows][32], written
//
//   k1   digits    rsi  d    rdx  digits left    rax  bytes of a digit of x    r10  the digit of the group    r11  starts
//
//              w[0..15]  w[16..31]
//              zmm0      zmm1
//   x[0]  zmm2 zmm4      zmm5     zmm18  zmm19     14 sums of a digit, exact, from start[c]; 14 sums of digits, floats, which
//   x[1]  zmm3 zmm6      zmm7     zmm20  zmm21     are scaled and added to t; 2 vectors of W and 2 alternating broadcasts of
//    ...                                           four x: all 32 registers are in use.
//   x[6]  zmm2 zmm16     zmm17    zmm30  zmm31

#include "../gk_asm.h"
#ifdef __x86_64__

.macro GK_CODES_ROWS rows, op, args:vararg  // \op row, sums of a digit, sums of digits, x for each
    \op 0, zmm4,  zmm5,  zmm18, zmm19, zmm2, \rows, \args
.if \rows > 1
    \op 1, zmm6,  zmm7,  zmm20, zmm21, zmm3, \rows, \args
.endif
.if \rows > 2
    \op 2, zmm8,  zmm9,  zmm22, zmm23, zmm2, \rows, \args
.endif
.if \rows > 3
    \op 3, zmm10, zmm11, zmm24, zmm25, zmm3, \rows, \args
.endif
.if \rows > 4
    \op 4, zmm12, zmm13, zmm26, zmm27, zmm2, \rows, \args
.endif
.if \rows > 5
    \op 5, zmm14, zmm15, zmm28, zmm29, zmm3, \rows, \args
.endif
.if \rows > 6
    \op 6, zmm16, zmm17, zmm30, zmm31, zmm2, \rows, \args
.endif
.endm

.macro GK_CODES_CLEAR r, lo, hi, f_lo, f_hi, x, rows, args:vararg
    vmovups zmmword ptr [r9 + 128*\r], zmm0
    vmovups zmmword ptr [r9 + 128*\r + 64], zmm0
.endm

.macro GK_CODES_START r, lo, hi, f_lo, f_hi, x, rows, args:vararg
    vmovdqu64 \lo, zmmword ptr [r11]
    vmovdqu64 \hi, zmmword ptr [r11 + 64]
.endm

.macro GK_CODES_DOT r, lo, hi, f_lo, f_hi, x, rows, quad    // n += x w, four k
    vpbroadcastd \x, dword ptr [r10 + 4*\rows*\quad + 4*\r]
    vpdpbusd \lo, \x, zmm0
    vpdpbusd \hi, \x, zmm1
.endm

.macro GK_CODES_FIRST r, lo, hi, f_lo, f_hi, x, rows, args:vararg   // f = n
    vcvtdq2ps \f_lo, \lo
    vcvtdq2ps \f_hi, \hi
.endm

.macro GK_CODES_NEXT r, lo, hi, f_lo, f_hi, x, rows, args:vararg    // f = 256 f + n
    vcvtdq2ps \lo, \lo
    vcvtdq2ps \hi, \hi
    vfmadd213ps \f_lo, zmm0, \lo
    vfmadd213ps \f_hi, zmm0, \hi
.endm

.macro GK_CODES_ADD r, lo, hi, f_lo, f_hi, x, rows, args:vararg     // t += d s f
    vbroadcastss \x, dword ptr [rsi + 4*\r]
    vmulps  \f_lo, \f_lo, zmm0
    vmulps  \f_hi, \f_hi, zmm1
    vfmadd213ps \f_lo, \x, zmmword ptr [r9 + 128*\r]
    vfmadd213ps \f_hi, \x, zmmword ptr [r9 + 128*\r + 64]
    vmovups zmmword ptr [r9 + 128*\r], \f_lo
    vmovups zmmword ptr [r9 + 128*\r + 64], \f_hi
.endm

.macro GK_CODES_DIGIT rows, quads   // n = the sums of a digit
    GK_CODES_ROWS \rows, GK_CODES_START
    .irp quad, 0, 1, 2, 3, 4, 5, 6, 7
.if \quad < \quads
    vmovdqu64 zmm0, zmmword ptr [r8 + 128*\quad]
    vmovdqu64 zmm1, zmmword ptr [r8 + 128*\quad + 64]
    GK_CODES_ROWS \rows, GK_CODES_DOT, \quad
.endif
    .endr
    add     r10, rax
.endm

.macro GK_CODES_TILE rows, quads
L(rows\rows):
    vpxord  zmm0, zmm0, zmm0
    GK_CODES_ROWS \rows, GK_CODES_CLEAR
    test    rdi, rdi
    jz      L(done\rows)
    imul    rax, rdi, 4*\rows*\quads
    imul    rsi, rax
    add     rsi, rcx
    .balign 32
L(group\rows):
    mov     r10, rcx
    kmovq   rdx, k1
    GK_CODES_DIGIT \rows, \quads
    GK_CODES_ROWS \rows, GK_CODES_FIRST
    dec     rdx
    jz      L(add\rows)
L(digit\rows):
    GK_CODES_DIGIT \rows, \quads
    vbroadcastss zmm0, dword ptr [L(base) + rip]
    GK_CODES_ROWS \rows, GK_CODES_NEXT
    dec     rdx
    jnz     L(digit\rows)
L(add\rows):
    vmovups zmm0, zmmword ptr [r11 + 128]
    vmovups zmm1, zmmword ptr [r11 + 192]
    GK_CODES_ROWS \rows, GK_CODES_ADD
    add     rcx, 4*\rows*\quads
    add     rsi, 4*\rows
    add     r8, 128*\quads
    add     r11, 256
    dec     rdi
    jnz     L(group\rows)
L(done\rows):
    GK_RETURN
.endm

.macro GK_CODES_FUNC name, quads    // the function; its constant is before it
GK_FUNC \name, 6
    imul    r11, rdi, 128*\quads
    add     r11, r8
    kmovq   k1, rsi
    .irp rows, 1, 2, 3, 4, 5, 6
    cmp     rdx, \rows
    je      L(rows\rows)
    .endr
    .irp rows, 7, 6, 5, 4, 3, 2, 1
    GK_CODES_TILE \rows, \quads
    .endr
GK_ENDFUNC \name
.endm

#endif
