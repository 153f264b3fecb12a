// gk_asm.h -- the prelude of every file in asm/: one source for ELF, PE and Mach-O, GNU as and clang.
//
//   GK_FUNC name, args     opens a hidden function of that many pointer or size_t arguments, at most six
//   GK_RETURN              leaves it, from any place
//   GK_ENDFUNC name        closes it
//   GK_CONST name          opens a hidden constant; the data follow
//   L(name)                a label local to the file
//
// Inside a function the arguments are where the ELF ABI of the architecture has them, on every system:
//   x86-64   rdi rsi rdx rcx r8 r9; free to use: these, rax r10 r11, every vector and mask register.
//            Windows callers are met by GK_FUNC and GK_RETURN, which also executes vzeroupper.
//   aarch64  x0 .. x5; free to use: x0-x17, v0-v7 and v16-v31, and v8-v15 between GK_SAVE_D8_D15 and
//            GK_RESTORE_D8_D15.
//
// One statement per line: a semicolon starts a comment on Apple arm64. No apostrophes in comments: they go through
// the C preprocessor. A file is for one architecture, and for any other holds nothing but the stack note.

#ifdef __APPLE__
#define L(name) L##name
#else
#define L(name) .L##name
#endif

#if defined(_WIN32) && defined(__x86_64__)
#define GK_SEH                      // unwind tables; the aarch64 functions are leaves that nothing unwinds through
#endif

.macro GK_HIDDEN name
#if defined(__APPLE__)
    .globl  _\name
    .private_extern _\name
#elif defined(__ELF__)
    .globl  \name
    .hidden \name
#else
    .globl  \name
#endif
.endm

.macro GK_LABEL name
#ifdef __APPLE__
_\name:
#else
\name:
#endif
.endm

.macro GK_CONST name
#if defined(__APPLE__)
    .section __TEXT,__const
#elif defined(__ELF__)
    .section .rodata
    .type   \name, %object
#else
    .section .rdata,"dr"
#endif
    .balign 64
    GK_HIDDEN \name
    GK_LABEL \name
.endm

.macro GK_OPEN name
    .text
    .balign 64
    GK_HIDDEN \name
#if defined(__ELF__)
    .type   \name, %function
#elif defined(_WIN32)
    .def    \name
    .scl    2
    .type   32
    .endef
#endif
    GK_LABEL \name
#ifdef GK_SEH
    .seh_proc \name
#elif !defined(_WIN32)
    .cfi_startproc
#endif
.endm

.macro GK_ENDFUNC name
#ifdef GK_SEH
    .seh_endproc
#elif !defined(_WIN32)
    .cfi_endproc
#endif
#ifdef __ELF__
    .size   \name, . - \name
#endif
.endm

// ---- x86-64 ------------------------------------------------------------------
#if defined(__x86_64__)

.intel_syntax noprefix

#ifdef _WIN32
.macro GK_EACH_XMM6_15 op           // \op register, slot for the ten vector registers a Windows caller keeps
    \op xmm6,  0
    \op xmm7,  16
    \op xmm8,  32
    \op xmm9,  48
    \op xmm10, 64
    \op xmm11, 80
    \op xmm12, 96
    \op xmm13, 112
    \op xmm14, 128
    \op xmm15, 144
.endm
.macro GK_SAVE_XMM reg, slot
    movaps  xmmword ptr [rsp + \slot], \reg
    .seh_savexmm \reg, \slot
.endm
.macro GK_RESTORE_XMM reg, slot
    movaps  \reg, xmmword ptr [rsp + \slot]
.endm
#endif

.macro GK_FUNC name, args
    GK_OPEN \name
    endbr64
#ifdef _WIN32
    push    rdi
    .seh_pushreg rdi
    push    rsi
    .seh_pushreg rsi
    sub     rsp, 168
    .seh_stackalloc 168
    GK_EACH_XMM6_15 GK_SAVE_XMM
    .seh_endprologue
    mov     rdi, rcx
    mov     rsi, rdx
    mov     rdx, r8
    mov     rcx, r9
.if \args > 4                       // above the frame: return address, 32 bytes of home space
    mov     r8, qword ptr [rsp + 168 + 16 + 8 + 32]
.endif
.if \args > 5
    mov     r9, qword ptr [rsp + 168 + 16 + 8 + 40]
.endif
#endif
.endm

.macro GK_LEAVE                     // GK_RETURN for a function that has touched no ymm or zmm
#ifdef _WIN32
    GK_EACH_XMM6_15 GK_RESTORE_XMM
    add     rsp, 168
    pop     rsi
    pop     rdi
#endif
    ret
.endm

.macro GK_RETURN
    vzeroupper
    GK_LEAVE
.endm

.macro GK_TILES_OPEN                // of a 32 x 32 kernel: tmm0 .. tmm3 are t if r8 is not 0, else 0; r9, r10, r11 from ahead; rax = 64
    mov     r10, qword ptr [r9]
    mov     r11, qword ptr [r9 + 8]
    mov     r9,  qword ptr [r9 + 16]
    tilezero tmm0
    tilezero tmm1
    tilezero tmm2
    tilezero tmm3
    test    r8, r8
    jz      L(opened)
    mov     eax, 128
    tileloadd tmm0, [rcx + rax]
    tileloadd tmm1, [rcx + rax + 64]
    tileloadd tmm2, [rcx + rax + 2048]
    tileloadd tmm3, [rcx + rax + 2048 + 64]
L(opened):
    mov     eax, 64
.endm

.macro GK_TILES_A at                // two tiles of A from the panel's step at rsi
    tileloadd tmm4, [rsi + rax + \at]
    tileloadd tmm5, [rsi + rax + \at + 1024]
.endm

.macro GK_TILES_B at                // two of B, from rdx
    tileloadd tmm6, [rdx + rax + \at]
    tileloadd tmm7, [rdx + rax + \at + 1024]
.endm

.macro GK_TILES_DOT op              // 32 x 32 sums += A B
    \op     tmm0, tmm4, tmm6
    \op     tmm1, tmm4, tmm7
    \op     tmm2, tmm5, tmm6
    \op     tmm3, tmm5, tmm7
.endm

.macro GK_TILES_ROW                 // prefetches 128 bytes of a row of C
    prefetcht0 byte ptr [r10]
    prefetcht0 byte ptr [r10 + 64]
    add     r10, r11
.endm

.macro GK_TILES_PANEL               // and of the next panel of A
    prefetcht1 byte ptr [r9]
    prefetcht1 byte ptr [r9 + 64]
    add     r9, 128
.endm

.macro GK_TILES_CLOSE               // t = tmm0 .. tmm3
    mov     eax, 128
    tilestored [rcx + rax], tmm0
    tilestored [rcx + rax + 64], tmm1
    tilestored [rcx + rax + 2048], tmm2
    tilestored [rcx + rax + 2048 + 64], tmm3
    GK_LEAVE
.endm

// ---- aarch64 -----------------------------------------------------------------
#elif defined(__aarch64__)

.macro GK_FUNC name, args
    GK_OPEN \name
    hint    #34                     // bti c
.endm

.macro GK_RETURN
    ret
.endm

.macro GK_SAVE_D8_D15
    stp     d8,  d9,  [sp, #-64]!
    stp     d10, d11, [sp, #16]
    stp     d12, d13, [sp, #32]
    stp     d14, d15, [sp, #48]
#ifndef _WIN32
    .cfi_adjust_cfa_offset 64
#endif
.endm

.macro GK_RESTORE_D8_D15
    ldp     d10, d11, [sp, #16]
    ldp     d12, d13, [sp, #32]
    ldp     d14, d15, [sp, #48]
    ldp     d8,  d9,  [sp], #64
#ifndef _WIN32
    .cfi_adjust_cfa_offset -64
#endif
.endm

#endif

// ---- notes for the linker: no executable stack; every entry is a valid branch target ----
#ifdef __ELF__
    .section .note.GNU-stack,"",%progbits
#if defined(__x86_64__) || defined(__aarch64__)
    .section .note.gnu.property,"a",%note
    .balign 8
    .long   4, 16, 5
    .asciz  "GNU"
#ifdef __x86_64__
    .long   0xc0000002, 4, 3, 0     // IBT and SHSTK
#else
    .long   0xc0000000, 4, 1, 0     // BTI
#endif
#endif
    .text
#endif
