// gk_qdot_avx2_iq2_xxs_2 -- rows of IQ2_XXS by one row of x.                                              AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq2_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq2_xxs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 43 . 127 = 10922.
//
//   256 of two rows are 514 instructions for three digits and 386 for one; 206 and 190 of them load, two in a cycle: at
//   least 103 and 95 cycles. Budget for three digits, all ports: 137 cycles.
//
// mca: skylake 1*137

#include "gk_qdot_avx2_iq2_xxs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq2_xxs_2, 66

#endif
