// gk_qdot_avx2_iq4_xs_2 -- rows of IQ4_XS by a few rows of x.                                            AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq4_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq4_xs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 128 . 127 = 32512.
//
//   256 of two rows by two of x are twice 77 cycles, of three digits: 21 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: skylake 1*77 2

#include "gk_qdot_avx2_iq4_xs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq4_xs_2, 136

#endif
