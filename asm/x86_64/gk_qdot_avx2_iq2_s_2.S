// gk_qdot_avx2_iq2_s_2 -- rows of IQ2_S by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq2_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq2_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 43 . 127 = 10922.
//
//   256 of two rows are 542 instructions for three digits and 414 for one; 240 and 224 of them load, two in a cycle: at
//   least 120 and 112 cycles. Budget for three digits, all ports: 145 cycles.
//
// mca: skylake 1*145

#include "gk_qdot_avx2_iq2_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq2_s_2, 82

#endif
