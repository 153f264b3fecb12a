// gk_qdot_avx2_q3_k_2 -- rows of Q3_K by a few rows of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_q3_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q3_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: four pairs of products are at most 4 . 2 . 28 . 127 = 28448.
//
//   256 of two rows by two of x are twice 77 cycles, of three digits: 28 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: skylake 1*77 2

#include "gk_qdot_avx2_q3_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q3_k_2, 110

#endif
