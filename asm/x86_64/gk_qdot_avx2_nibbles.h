// gk_qdot_avx2_nibbles.h -- what rows of codes of 4 bits have in common, with AVX-VNNI or without.
//
//   16 bytes hold a group, low halves first: quads are sorted before they are split.
//
//   ymm14  with LEVELS what nibbles stand for     ymm15  fifteens

#ifdef __x86_64__

.macro NIBBLES low, high, of        // quads \low and \high of groups
    vpsrlw  ymm5, \of, 4
    vpand   \of, \of, ymm15
    vpand   ymm5, ymm5, ymm15
#ifdef LEVELS
    vpshufb \of, ymm14, \of
    vpshufb ymm5, ymm14, ymm5
#endif
    vmovdqa ymmword ptr [r11 + 32*\low], \of
    vmovdqa ymmword ptr [r11 + 32*\high], ymm5
.endm

.macro NIBBLES_OF at, step          // of all, the first group at \at
    GK_QDOT_HALF 0, \at, \step
    GK_QDOT_FOUR
    NIBBLES 0, 4, ymm1
    NIBBLES 1, 5, ymm4
    NIBBLES 2, 6, ymm3
    NIBBLES 3, 7, ymm0
.endm

#endif
