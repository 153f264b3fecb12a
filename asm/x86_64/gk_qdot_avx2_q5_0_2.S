// gk_qdot_avx2_q5_0_2 -- rows of Q5_0 by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q5_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 31 . 127 = 7874.
//
//   256 of two rows are 411 instructions for three digits and 299 for one; 172 and 108 of them are for the two ports
//   that multiply, convert and shift: at least 86 and 54 cycles. Budget for three digits, all ports: 131 cycles.
//
// mca: skylake 1*131

#include "gk_qdot_avx2_q5_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q5_0_2, 176

#endif
