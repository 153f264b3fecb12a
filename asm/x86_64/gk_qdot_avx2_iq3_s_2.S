// gk_qdot_avx2_iq3_s_2 -- rows of IQ3_S by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq3_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq3_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 15 . 127 = 3810.
//
//   256 of two rows are 672 instructions for three digits and 544 for one; 344 and 328 of them load, two in a cycle: at
//   least 172 and 164 cycles. Budget for three digits, all ports: 185 cycles.
//
// mca: skylake 1*185

#include "gk_qdot_avx2_iq3_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq3_s_2, 110

#endif
