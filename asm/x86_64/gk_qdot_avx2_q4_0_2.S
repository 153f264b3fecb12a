// gk_qdot_avx2_q4_0_2 -- rows of Q4_0 by a few rows of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_q4_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q4_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: eight pairs of products are at most 8 . 2 . 15 . 127 = 30480.
//
//   256 of two rows by two of x are twice 57 cycles, of three digits: 16 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: skylake 1*57 2

#include "gk_qdot_avx2_q4_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q4_0_2, 144

#endif
