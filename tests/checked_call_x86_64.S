// checked_call -- calls a function with every register it must keep full of junk, and says which it did not keep.
//
//   uint64_t checked_call(void (*function)(), const uint64_t arguments[6], uint64_t upper_halves);
//
// Result: one bit for each thing that changed, as test_asm.cpp names them: 0-5 rbx rbp r12-r15, 6 stack pointer, 7 what
// lies above the return address, 8 direction flag, 9 MXCSR, 10 dirty upper halves of ymm and zmm (looked at if
// upper_halves is not zero), 11 x87 control word; on Windows 16 rdi, 17 rsi, 18-27 xmm6-15.
// The stack below the callee is filled with junk as well. Not for several threads at once.
//
//   void misbehave(uint64_t how);     does what bit `how` of the result reports; well-behaved for any other value

#include "../asm/gk_asm.h"
#ifdef __x86_64__

#define JUNK(i) qword ptr [rip + L(junk) + 8*i]
#define SLOT 128                    // bytes of outgoing space above the stack pointer at the call
#ifdef _WIN32
#define FLAG SLOT + 8               // where upper_halves is kept; aligned to 16 either way
#else
#define FLAG SLOT
#endif

.macro CHECK reg, i, bit
    cmp     \reg, JUNK(\i)
    REPORT  \bit
.endm

.macro REPORT bit                   // sets the bit of the result if the flags say "not equal"
    setne   al
    movzx   eax, al
    shl     rax, \bit
    or      r11, rax
.endm

#ifdef _WIN32
.macro LOAD_XMM reg, slot
    movups  \reg, xmmword ptr [rip + L(junk) + \slot]
.endm
.macro CHECK_XMM reg, slot
    pcmpeqb \reg, xmmword ptr [rip + L(junk) + \slot]
    pmovmskb eax, \reg
    cmp     eax, 0xffff
    REPORT  18+\slot/16
.endm
#endif

GK_FUNC checked_call, 3
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    push    rdx
    sub     rsp, FLAG
    mov     qword ptr [rip + L(stack)], rsp

    // ---- the state before
    stmxcsr dword ptr [rip + L(mxcsr)]
    fnstcw  word ptr [rip + L(x87)]
    test    rdx, rdx
    jz      L(fill)
    vzeroupper
    mov     ecx, 1                  // a machine that does not tell clean from dirty cannot be asked
    xgetbv
    test    eax, 0x44
    jz      L(fill)
    mov     qword ptr [rsp + FLAG], 0
L(fill):

    // ---- junk below, above, and in the registers
    mov     rax, 0x5a17c0de5a17c0de
    mov     ecx, 512
    lea     r10, [rsp - 8]
L(below):
    mov     qword ptr [r10], rax
    sub     r10, 8
    dec     ecx
    jnz     L(below)
    mov     ecx, SLOT/8
L(above):
    mov     qword ptr [rsp + 8*rcx - 8], rax
    dec     ecx
    jnz     L(above)
    mov     r11, rdi
    mov     r10, rsi
#ifdef _WIN32
    mov     rcx, qword ptr [r10]
    mov     rdx, qword ptr [r10 + 8]
    mov     r8,  qword ptr [r10 + 16]
    mov     r9,  qword ptr [r10 + 24]
    mov     rax, qword ptr [r10 + 32]
    mov     qword ptr [rsp + 32], rax
    mov     rax, qword ptr [r10 + 40]
    mov     qword ptr [rsp + 40], rax
    mov     rdi, JUNK(6)
    mov     rsi, JUNK(7)
    GK_EACH_XMM6_15 LOAD_XMM
#else
    mov     rdi, qword ptr [r10]
    mov     rsi, qword ptr [r10 + 8]
    mov     rdx, qword ptr [r10 + 16]
    mov     rcx, qword ptr [r10 + 24]
    mov     r8,  qword ptr [r10 + 32]
    mov     r9,  qword ptr [r10 + 40]
#endif
    mov     rbx, JUNK(0)
    mov     rbp, JUNK(1)
    mov     r12, JUNK(2)
    mov     r13, JUNK(3)
    mov     r14, JUNK(4)
    mov     r15, JUNK(5)
    call    r11

    // ---- the state after
    mov     r10, rsp
    mov     rsp, qword ptr [rip + L(stack)]
    xor     r11d, r11d
    cmp     r10, rsp
    REPORT  6
    pushfq
    pop     rax
    cld
    test    eax, 0x400
    REPORT  8
    CHECK   rbx, 0, 0
    CHECK   rbp, 1, 1
    CHECK   r12, 2, 2
    CHECK   r13, 3, 3
    CHECK   r14, 4, 4
    CHECK   r15, 5, 5
#ifdef _WIN32
    CHECK   rdi, 6, 16
    CHECK   rsi, 7, 17
    GK_EACH_XMM6_15 CHECK_XMM
#endif
    mov     rax, 0x5a17c0de5a17c0de
    mov     ecx, SLOT/8 - 6         // Windows: 32 bytes of home space and two arguments are the callee's
L(look):
    cmp     qword ptr [rsp + 8*rcx + 40], rax
    jne     L(written)
    dec     ecx
    jnz     L(look)
L(written):
    test    ecx, ecx
    REPORT  7
    stmxcsr dword ptr [rip + L(scratch)]
    mov     eax, dword ptr [rip + L(scratch)]
    xor     eax, dword ptr [rip + L(mxcsr)]
    test    eax, 0xffc0             // the control bits; the exception flags may change
    REPORT  9
    ldmxcsr dword ptr [rip + L(mxcsr)]
    fnstcw  word ptr [rip + L(scratch)]
    mov     ax, word ptr [rip + L(scratch)]
    cmp     ax, word ptr [rip + L(x87)]
    REPORT  11
    fldcw   word ptr [rip + L(x87)]
    cmp     qword ptr [rsp + FLAG], 0
    je      L(done)
    mov     ecx, 1
    xgetbv
    test    eax, 0x44               // upper halves of ymm0-15, and of zmm0-15
    REPORT  10
    vzeroupper
L(done):
    mov     rax, r11
    add     rsp, FLAG
    pop     rdx
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    GK_LEAVE
GK_ENDFUNC checked_call

.macro WHEN how, label
    cmp     r10d, \how
    je      \label
.endm

// Its entry is the raw one of the system: no prologue to repair what it breaks.
GK_OPEN misbehave
    endbr64
#ifdef GK_SEH
    .seh_endprologue
    mov     r10, rcx
#else
    mov     r10, rdi
#endif
    WHEN    0,  L(rbx)
    WHEN    1,  L(rbp)
    WHEN    2,  L(r12)
    WHEN    3,  L(r13)
    WHEN    4,  L(r14)
    WHEN    5,  L(r15)
    WHEN    6,  L(rsp)
    WHEN    7,  L(stack_above)
    WHEN    8,  L(direction)
    WHEN    9,  L(rounding)
    WHEN    10, L(dirty)
    WHEN    11, L(precision)
    WHEN    16, L(rdi)
    WHEN    17, L(rsi)
    WHEN    18, L(xmm6)
    WHEN    27, L(xmm15)
    ret
L(rbx):
    inc     rbx
    ret
L(rbp):
    inc     rbp
    ret
L(r12):
    inc     r12
    ret
L(r13):
    inc     r13
    ret
L(r14):
    inc     r14
    ret
L(r15):
    inc     r15
    ret
L(rsp):
    pop     rax
    sub     rsp, 16
    jmp     rax
L(stack_above):
    inc     qword ptr [rsp + 8 + 64]
    ret
L(direction):
    std
    ret
L(rounding):
    stmxcsr dword ptr [rsp - 8]
    xor     dword ptr [rsp - 8], 0x6000
    ldmxcsr dword ptr [rsp - 8]
    ret
L(dirty):
    vpcmpeqd xmm0, xmm0, xmm0
    vinsertf128 ymm0, ymm0, xmm0, 1
    ret
L(precision):
    fnstcw  word ptr [rsp - 8]
    xor     word ptr [rsp - 8], 0x0c00
    fldcw   word ptr [rsp - 8]
    ret
L(rdi):
    inc     rdi
    ret
L(rsi):
    inc     rsi
    ret
L(xmm6):
    pxor    xmm6, xmm6
    ret
L(xmm15):
    pxor    xmm15, xmm15
    ret
GK_ENDFUNC misbehave

.data
.balign 16
L(junk):
    .quad   0x0101deadbeef0b01, 0x0202deadbeef0b02, 0x0303deadbeef0b03, 0x0404deadbeef0b04
    .quad   0x0505deadbeef0b05, 0x0606deadbeef0b06, 0x0707deadbeef0b07, 0x0808deadbeef0b08
    .quad   0x0909deadbeef0b09, 0x0a0adeadbeef0b0a, 0x0b0bdeadbeef0b0b, 0x0c0cdeadbeef0b0c
    .quad   0x0d0ddeadbeef0b0d, 0x0e0edeadbeef0b0e, 0x0f0fdeadbeef0b0f, 0x1010deadbeef0b10
    .quad   0x1111deadbeef0b11, 0x1212deadbeef0b12, 0x1313deadbeef0b13, 0x1414deadbeef0b14
L(stack):
    .quad   0
L(mxcsr):
    .long   0
L(scratch):
    .long   0
L(x87):
    .long   0

#endif
