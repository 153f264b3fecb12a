// checked_call -- calls a function with every register it must keep full of junk, and says which it did not keep.
//
//   uint64_t checked_call(void (*function)(), const uint64_t arguments[6], uint64_t unused);
//
// Result: one bit for each thing that changed, as test_asm.cpp names them: 0-10 x19-x29, 11 stack pointer, 12 what lies
// above the stack pointer at the call, 13 FPCR, 16-23 d8-d15 (the lower halves of v8-v15).
// The stack below the callee is filled with junk as well. Not for several threads at once.
//
//   void misbehave(uint64_t how);     does what bit `how` of the result reports; well-behaved for any other value

#include "../asm/gk_asm.h"
#ifdef __aarch64__

#ifdef __APPLE__
#define ADDRESS_HIGH(name) L(name)@PAGE
#define ADDRESS_LOW(name) L(name)@PAGEOFF
#else
#define ADDRESS_HIGH(name) L(name)
#define ADDRESS_LOW(name) :lo12:L(name)
#endif

.macro JUNK reg, n                  // a value of its own for register number \n
    movz    \reg, #0x0b00+\n
    movk    \reg, #0xbeef, lsl #16
    movk    \reg, #0xdead, lsl #32
    movk    \reg, #0x0101*(\n&127), lsl #48
.endm

.macro REPORT bit                   // sets the bit of the result, x16, if the flags say "not equal"
    cset    x17, ne
    orr     x16, x16, x17, lsl #\bit
.endm

.macro FILL reg, n
    JUNK    \reg, \n
.endm

.macro CHECK reg, n
    JUNK    x15, \n
    cmp     \reg, x15
    REPORT  \n-19
.endm

.macro EACH_X op
    \op     x19, 19
    \op     x20, 20
    \op     x21, 21
    \op     x22, 22
    \op     x23, 23
    \op     x24, 24
    \op     x25, 25
    \op     x26, 26
    \op     x27, 27
    \op     x28, 28
    \op     x29, 29
.endm

.macro FILL_D reg, n
    JUNK    x15, 40+\n
    fmov    \reg, x15
.endm

.macro CHECK_D reg, n
    JUNK    x15, 40+\n
    fmov    x14, \reg
    cmp     x14, x15
    REPORT  8+\n
.endm

.macro EACH_D op
    \op     d8,  8
    \op     d9,  9
    \op     d10, 10
    \op     d11, 11
    \op     d12, 12
    \op     d13, 13
    \op     d14, 14
    \op     d15, 15
.endm

GK_FUNC checked_call, 3
    GK_SAVE_D8_D15
    stp     x29, x30, [sp, #-224]!  // 0 x29-x30, 16 FPCR, 96 x19-x28; the canary goes below
    stp     x19, x20, [sp, #96]
    stp     x21, x22, [sp, #112]
    stp     x23, x24, [sp, #128]
    stp     x25, x26, [sp, #144]
    stp     x27, x28, [sp, #160]
    mrs     x9, fpcr
    str     x9, [sp, #16]
    sub     sp, sp, #128
    adrp    x9, ADDRESS_HIGH(stack)
    add     x9, x9, ADDRESS_LOW(stack)
    mov     x10, sp
    str     x10, [x9]

    // ---- junk below, above, and in the registers
    JUNK    x11, 77
    sub     x12, x10, #4096
L(below):
    str     x11, [x12], #8
    cmp     x12, x10
    b.lo    L(below)
    add     x13, x10, #128
L(above):
    str     x11, [x12], #8
    cmp     x12, x13
    b.lo    L(above)
    mov     x16, x0
    mov     x17, x1
    EACH_X  FILL
    EACH_D  FILL_D
    ldp     x0, x1, [x17]
    ldp     x2, x3, [x17, #16]
    ldp     x4, x5, [x17, #32]
    blr     x16

    // ---- the state after
    mov     x16, #0
    adrp    x9, ADDRESS_HIGH(stack)
    add     x9, x9, ADDRESS_LOW(stack)
    ldr     x10, [x9]
    mov     x11, sp
    mov     sp, x10
    cmp     x10, x11
    REPORT  11
    EACH_X  CHECK
    EACH_D  CHECK_D
    JUNK    x11, 77
    add     x13, x10, #128
L(look):
    ldr     x12, [x10], #8
    cmp     x12, x11
    b.ne    L(written)
    cmp     x10, x13
    b.lo    L(look)
L(written):
    cmp     x12, x11
    REPORT  12
    add     sp, sp, #128
    mrs     x9, fpcr
    ldr     x10, [sp, #16]
    cmp     x9, x10
    REPORT  13
    msr     fpcr, x10
    mov     x0, x16
    ldp     x19, x20, [sp, #96]
    ldp     x21, x22, [sp, #112]
    ldp     x23, x24, [sp, #128]
    ldp     x25, x26, [sp, #144]
    ldp     x27, x28, [sp, #160]
    ldp     x29, x30, [sp], #224
    GK_RESTORE_D8_D15
    GK_RETURN
GK_ENDFUNC checked_call

.macro WHEN how, label
    cmp     x0, #\how
    b.eq    \label
.endm

GK_FUNC misbehave, 1
    WHEN    0,  L(x19)
    WHEN    9,  L(x28)
    WHEN    10, L(x29)
    WHEN    11, L(sp)
    WHEN    12, L(stack_above)
    WHEN    13, L(rounding)
    WHEN    16, L(d8)
    WHEN    23, L(d15)
    ret
L(x19):
    add     x19, x19, #1
    ret
L(x28):
    add     x28, x28, #1
    ret
L(x29):
    add     x29, x29, #1
    ret
L(sp):
    sub     sp, sp, #16
    ret
L(stack_above):
    str     x0, [sp, #8]
    ret
L(rounding):
    mrs     x9, fpcr
    eor     x9, x9, #0x400000
    msr     fpcr, x9
    ret
L(d8):
    movi    v8.4s, #0
    ret
L(d15):
    movi    v15.4s, #0
    ret
GK_ENDFUNC misbehave

.data
.balign 8
L(stack):
    .quad   0

#endif
