// gk_qdot_avx2_tq1_0_2 -- rows of TQ1_0 by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_tq1_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_tq1_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 2 . 127 = 508.
//
//   256 of two rows are 399 instructions for three digits and 287 for one; 200 and 136 of them are for the two ports
//   that multiply, convert and shift: at least 100 and 68 cycles. Budget for three digits, all ports: 118 cycles.
//
// mca: skylake 1*118

#include "gk_qdot_avx2_tq1_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_tq1_0_2, 54

#endif
