// gk_qdot_avx2_iq4.h -- what rows of IQ4_NL and IQ4_XS by one row of x have in common: 16 levels.
//
//   Nibbles of 32 are in 16 bytes, low ones first. A level is -127 .. 113.
//
//   ymm10  shifts 0 | 4     ymm11  fifteens     ymm14  levels     ymm15  the signs of bytes; without AVX-VNNI |levels|

#ifdef __x86_64__

.macro CONSTANTS_IQ4
    .long   0, 0, 0, 0, 4, 4, 4, 4                                                      //  96
    .byte   -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113    // 128
#ifdef GK_QDOT_VNNI
    .byte   128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128      // 144
#else
    .byte   127, 104, 83, 65, 49, 35, 22, 10, 1, 13, 25, 38, 53, 69, 89, 113            // 144
#endif
    .long   0x0f0f0f0f                                                                  // 160
.endm

.macro SETUP
    vmovdqa ymm10, ymmword ptr [DATA + 96]
    vbroadcasti128 ymm14, xmmword ptr [DATA + 128]
    vbroadcasti128 ymm15, xmmword ptr [DATA + 144]
    vpbroadcastd ymm11, dword ptr [DATA + 160]
.endm

.macro STEP d, g, r, at, acc        // 32 codes of a row, nibbles at \at
    vbroadcasti128 ymm2, xmmword ptr [\at]
    vpsrlvd ymm2, ymm2, ymm10
    vpand   ymm2, ymm2, ymm11
    vpshufb ymm1, ymm14, ymm2
#ifndef GK_QDOT_VNNI
    vpshufb ymm0, ymm15, ymm2
#endif
    GK_QDOT_DOT_S \d, known
    GK_QDOT_ADD \acc, 32*\r+4*\g
.endm

#endif
