// gk_qdot_avx2_iq2_xs_2 -- rows of IQ2_XS by one row of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq2_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq2_xs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 43 . 127 = 10922.
//
//   256 of two rows are 548 instructions for three digits and 420 for one; 232 and 216 of them load, two in a cycle: at
//   least 116 and 108 cycles. Budget for three digits, all ports: 142 cycles.
//
// mca: skylake 1*142

#include "gk_qdot_avx2_iq2_xs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq2_xs_2, 74

#endif
