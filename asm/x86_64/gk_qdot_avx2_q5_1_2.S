// gk_qdot_avx2_q5_1_2 -- rows of Q5_1 by a few rows of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_q5_1_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_1.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: four pairs of products are at most 4 . 2 . 31 . 127 = 31496.
//
//   256 of two rows by two of x are twice 100 cycles, of three digits: 54 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: skylake 1*100 2

#include "gk_qdot_avx2_q5_1.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q5_1_2, 192

#endif
