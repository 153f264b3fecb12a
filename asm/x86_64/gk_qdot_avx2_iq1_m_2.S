// gk_qdot_avx2_iq1_m_2 -- rows of IQ1_M by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq1_m_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq1_m.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 18 . 127 = 4572.
//
//   256 of two rows are 548 instructions for three digits and 436 for one; 260 and 244 of them load, two in a cycle: at
//   least 130 and 122 cycles. Budget for three digits, all ports: 151 cycles.
//
// mca: skylake 1*151

#include "gk_qdot_avx2_iq1_m.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq1_m_2, 56

#endif
