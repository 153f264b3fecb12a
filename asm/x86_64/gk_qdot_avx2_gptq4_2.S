// gk_qdot_avx2_gptq4_2 -- rows of GPTQ4 by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_gptq4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_awq4.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 15 . 127 = 3810.
//
//   256 of two rows are 372 instructions for three digits and 260 for one; 176 and 112 of them are for the two ports
//   that multiply, convert and shift: at least 88 and 56 cycles. Budget for three digits, all ports: 100 cycles.
//
// mca: skylake 1*100

#include "gk_qdot_avx2_awq4.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_gptq4_2, 144

#endif
