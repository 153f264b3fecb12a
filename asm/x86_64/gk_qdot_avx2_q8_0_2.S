// gk_qdot_avx2_q8_0_2 -- rows of Q8_0 by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q8_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q8_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 128 . 127 = 32512.
//
//   256 of two rows are 295 instructions for three digits and 183 for one; 164 and 100 of them are for the two ports that
//   multiply, convert and shift: at least 82 and 50 cycles. Budget for three digits, all ports: 87 cycles.
//
// mca: skylake 1*87

#include "gk_qdot_avx2_q8_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q8_0_2, 272

#endif
