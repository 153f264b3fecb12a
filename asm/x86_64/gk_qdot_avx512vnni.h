// gk_qdot_avx512vnni.h -- what rows of codes by one row of x have in common.                              AVX-512 VNNI
//
//   void gk_qdot_avx512vnni_FORMAT_4(struct DotJob* job);        the job is used up
//
//   y[s * y_segment + i] = row i of segment s of W . x, for four segments, x in fixed point of 1 or 3 digits
//
//   job:  0 weights    8 row_bytes   16 segment_bytes   24 rows   32 blocks   40 digits   48 x   56 y   64 y_segment
//         128 float sum[4][16]   384 double total[4]   416 chains left of the total   448 scales of the next block: room
//
//   x, a block of 256:  0      int8  digit 2, then for three digits uint8 digits 1 and 0, 256 each
//                       D 256  int16 minus[64][2]: -sum X of four = minus[0] + 512 minus[1]
//                       D 256 + 512  float scale[16], sum[16]
//
//   rdi  job          rsi  the block of segment 0         zmm0 .. zmm3, zmm7  free
//   rcx  blocks left  r8   bytes to segment 1, r9 to 3    zmm4, zmm5, zmm6    digits 2, 1, 0 of 64 of x
//   rdx  x            r10  blocks left of the chain       zmm8 .. zmm11       sums of the four rows, by lanes
//   rax  the next rsi, r11 the next rdx; the last of a row is its own next    others: of the format
//
//   Scales are made a block ahead, by HEAD, and kept in memory: they take long, and codes need not wait for them.
//
//   A lane is the sum of four code X: exact, from it comes what the offset takes; then one FMA. Four blocks are a chain of
//   FMA, four chains are added up as floats, these in double: the order of the twin, code_rows in section [14].

#include "../gk_asm.h"
#ifdef __x86_64__

#define W0 rsi                      // the block of each row, and the next
#define W1 rsi + r8
#define W2 rsi + 2*r8
#define W3 rsi + r9
#define N0 rax
#define N1 rax + r8
#define N2 rax + 2*r8
#define N3 rax + r9

.macro GK_QDOT_EACH op              // \op row, its sums
    \op 0, zmm8
    \op 1, zmm9
    \op 2, zmm10
    \op 3, zmm11
.endm

.macro GK_QDOT_CLEAR r, acc
    vpxord  \acc, \acc, \acc
.endm

.macro GK_QDOT_OPEN r, acc          // no sums yet
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm0
    vmovsd  qword ptr [rdi + 384 + 8*\r], xmm0
.endm

.macro GK_QDOT_CHAIN r, acc         // sum[r] += the chain
    vaddps  \acc, \acc, zmmword ptr [rdi + 128 + 64*\r]
    vmovaps zmmword ptr [rdi + 128 + 64*\r], \acc
.endm

.macro GK_QDOT_FOLD r, acc          // total[r] += all lanes of sum[r] = 0
    vmovaps zmm0, zmmword ptr [rdi + 128 + 64*\r]
    vextractf64x4 ymm1, zmm0, 1
    vaddps  ymm0, ymm0, ymm1
    vextractf128 xmm1, ymm0, 1
    vaddps  xmm0, xmm0, xmm1
    vmovhlps xmm1, xmm0, xmm0
    vaddps  xmm0, xmm0, xmm1
    vmovshdup xmm1, xmm0
    vaddss  xmm0, xmm0, xmm1
    vcvtss2sd xmm0, xmm0, xmm0
    vaddsd  xmm0, xmm0, qword ptr [rdi + 384 + 8*\r]
    vmovsd  qword ptr [rdi + 384 + 8*\r], xmm0
    vpxord  zmm0, zmm0, zmm0
    vmovaps zmmword ptr [rdi + 128 + 64*\r], zmm0
.endm

.macro GK_QDOT_STORE r, acc         // *r11 = total[r]; r11 += r10
    vcvtsd2ss xmm0, xmm0, qword ptr [rdi + 384 + 8*\r]
    vmovss  dword ptr [r11], xmm0
    add     r11, r10
.endm

.macro GK_QDOT_DIGITS d, h          // of 64 of x, the h-th
    vmovdqu64 zmm4, zmmword ptr [rdx + 64*\h]
.if \d == 3
    vmovdqu64 zmm5, zmmword ptr [rdx + 64*\h + 256]
    vmovdqu64 zmm6, zmmword ptr [rdx + 64*\h + 512]
.endif
.endm

.macro GK_QDOT_DOT d, codes         // zmm0 = sums of four codes X, codes 0 .. 127
    vpxord  zmm0, zmm0, zmm0
    vpdpbusd zmm0, \codes, zmm4
.if \d == 3
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm5, \codes
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm6, \codes
.endif
.endm

.macro GK_QDOT_START d, h, shift      // zmm3 = -128 >> shift times sums of digits 2 of four, of the h-th 64
.if \shift
    vpsrad  zmm3, zmmword ptr [rdx + 256*\d + 256 + 64*\h], \shift
.else
    vmovdqu64 zmm3, zmmword ptr [rdx + 256*\d + 256 + 64*\h]
.endif
.endm

.macro GK_QDOT_SIGNED d, codes, signed  // zmm0 = sums of four signed X, where codes = signed + z, 0 .. 255, and zmm3 = -z times sums of digits 2
    vmovdqa64 zmm0, zmm3
    vpdpbusd zmm0, \codes, zmm4
.if \d == 3
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm5, \signed
    vpslld  zmm0, zmm0, 8
    vpdpbusd zmm0, zmm6, \signed
.endif
.endm

.macro GK_QDOT_ADD groups, scale, acc   // zmm0 to the sums, a scale for each lane
    vcvtdq2ps zmm0, zmm0
    vpermps zmm2, \groups, \scale
    vfmadd231ps \acc, zmm0, zmm2
.endm

.macro GK_QDOT_AHEAD at, bytes          // a later block comes to the cache
    .set    gk_line, 0
.rept (\bytes + 63) / 64
    prefetcht0 byte ptr [\at + 1024 + gk_line]
    .set    gk_line, gk_line + 64
.endr
.endm

.macro GK_QDOT_ROWS d, bytes        // all rows: BLOCK \d for a block of the four, HEAD \d for scales of the next
L(row\d):
    mov     rsi, qword ptr [rdi]
    mov     rcx, qword ptr [rdi + 32]
    mov     rdx, qword ptr [rdi + 48]
    vpxord  zmm0, zmm0, zmm0
    GK_QDOT_EACH GK_QDOT_OPEN
    mov     rax, rsi
    mov     r11, rdx
    HEAD    \d
L(total\d):
    mov     dword ptr [rdi + 416], 4
L(chain\d):
    GK_QDOT_EACH GK_QDOT_CLEAR
    mov     r10d, 4
    .balign 32
L(block\d):
    lea     rax, [rsi + \bytes]
    lea     r11, [rdx + 256*\d + 640]
    cmp     rcx, 1
    cmove   rax, rsi
    cmove   r11, rdx
    BLOCK   \d
    mov     rsi, rax
    mov     rdx, r11
    dec     rcx
    jz      L(last\d)
    dec     r10d
    jnz     L(block\d)
    GK_QDOT_EACH GK_QDOT_CHAIN
    dec     dword ptr [rdi + 416]
    jnz     L(chain\d)
    GK_QDOT_EACH GK_QDOT_FOLD
    jmp     L(total\d)
L(last\d):
    GK_QDOT_EACH GK_QDOT_CHAIN
    GK_QDOT_EACH GK_QDOT_FOLD
    mov     r11, qword ptr [rdi + 56]
    mov     r10, qword ptr [rdi + 64]
    shl     r10, 2
    GK_QDOT_EACH GK_QDOT_STORE
    add     qword ptr [rdi + 56], 4
    mov     r11, qword ptr [rdi + 8]
    add     qword ptr [rdi], r11
    dec     qword ptr [rdi + 24]
    jnz     L(row\d)
    GK_RETURN
.endm

.macro GK_QDOT_FUNC name, bytes     // the function, from SETUP, HEAD and BLOCK
GK_FUNC \name, 1
    mov     r8, qword ptr [rdi + 16]
    lea     r9, [r8 + 2*r8]
    SETUP
    cmp     qword ptr [rdi + 40], 1
    je      L(row1)
    GK_QDOT_ROWS 3, \bytes
    GK_QDOT_ROWS 1, \bytes
GK_ENDFUNC \name
.endm

#endif
