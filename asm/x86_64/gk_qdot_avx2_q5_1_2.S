// gk_qdot_avx2_q5_1_2 -- rows of Q5_1 by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q5_1_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_1.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 31 . 127 = 7874.
//
//   256 of two rows are 502 instructions for three digits and 390 for one; 200 and 136 of them are for the two ports
//   that multiply, convert and shift: at least 100 and 68 cycles. Budget for three digits, all ports: 146 cycles.
//
// mca: skylake 1*146

#include "gk_qdot_avx2_q5_1.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q5_1_2, 192

#endif
