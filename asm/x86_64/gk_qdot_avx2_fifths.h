// gk_qdot_avx2_fifths.h -- what rows of Q5_0 and Q5_1 by one row of x have in common: codes of 5 bits.
//
//   Fifth bits of 32 are in 4 bytes, before 16 bytes of nibbles, low ones first.
//
//   The format has FIFTHS, where these constants are.
//
//   ymm10  shifts 0 | 4     ymm11  bytes 1 << 0 .. 1 << 7     ymm15  fifteens

#ifdef __x86_64__

.macro CONSTANTS_FIFTHS
    .long   0, 0, 0, 0, 4, 4, 4, 4                                                      //   0
    .byte   0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1                              //  32  the byte of each bit
    .byte   2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3
    .fill   32, 1, 16                                                                   //  64
    .quad   0x8040201008040201                                                          //  96
    .long   0x0f0f0f0f, 0                                                               // 104
.endm

.macro SETUP_FIFTHS
    vmovdqa ymm10, ymmword ptr [DATA + FIFTHS]
    vpbroadcastq ymm11, qword ptr [DATA + FIFTHS + 96]
    vpbroadcastd ymm15, dword ptr [DATA + FIFTHS + 104]
.endm

.macro CODES at                     // ymm1 = 32 codes, fifth bits at \at
    vpbroadcastd ymm2, dword ptr [\at]
    vbroadcasti128 ymm1, xmmword ptr [\at + 4]
    vpshufb ymm2, ymm2, ymmword ptr [DATA + FIFTHS + 32]
    vpsrlvd ymm1, ymm1, ymm10
    vpand   ymm2, ymm2, ymm11
    vpand   ymm1, ymm1, ymm15
    vpcmpeqb ymm2, ymm2, ymm11
    vpand   ymm2, ymm2, ymmword ptr [DATA + FIFTHS + 64]
    vpor    ymm1, ymm1, ymm2
.endm

#endif
