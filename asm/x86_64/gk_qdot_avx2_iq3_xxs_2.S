// gk_qdot_avx2_iq3_xxs_2 -- rows of IQ3_XXS by one row of x.                                              AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq3_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq3_xxs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 62 . 127 = 15748.
//
//   256 of two rows are 638 instructions for three digits and 510 for one; 332 and 316 of them load, two in a cycle: at
//   least 166 and 158 cycles. Budget for three digits, all ports: 173 cycles.
//
// mca: skylake 1*173

#include "gk_qdot_avx2_iq3_xxs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq3_xxs_2, 98

#endif
