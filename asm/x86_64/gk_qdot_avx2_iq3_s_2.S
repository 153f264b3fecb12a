// gk_qdot_avx2_iq3_s_2 -- rows of IQ3_S by a few rows of x.                                              AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq3_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq3_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: four pairs of products are at most 4 . 2 . 30 . 127 = 30480.
//
//   256 of two rows by two of x are twice 126 cycles, of three digits: 50 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: skylake 1*126 2

#include "gk_qdot_avx2_iq3_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq3_s_2, 110

#endif
