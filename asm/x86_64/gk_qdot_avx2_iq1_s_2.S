// gk_qdot_avx2_iq1_s_2 -- rows of IQ1_S by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq1_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq1_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 18 . 127 = 4572.
//
//   256 of two rows are 488 instructions for three digits and 376 for one; 230 and 214 of them load, two in a cycle: at
//   least 115 and 107 cycles. Budget for three digits, all ports: 136 cycles.
//
// mca: skylake 1*136

#include "gk_qdot_avx2_iq1_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq1_s_2, 50

#endif
