// gk_qdot_avx2_q5_0_2 -- rows of Q5_0 by a few rows of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_q5_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: four pairs of products are at most 4 . 2 . 31 . 127 = 31496.
//
//   256 of two rows by two of x are twice 76 cycles, of three digits: 31 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: skylake 1*76 2

#include "gk_qdot_avx2_q5_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q5_0_2, 176

#endif
