// gk_qdot_avx2_q3_k_2 -- rows of Q3_K by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q3_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q3_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 28 . 127 = 7112.
//
//   A block of two rows is 385 instructions for three digits and 273 for one; 173 and 109 of them are for the two ports
//   that multiply, convert and shift: at least 87 and 55 cycles. Budget for three digits, all ports: 107 cycles.
//
// mca: skylake 1*107

#include "gk_qdot_avx2_q3_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q3_k_2, 110

#endif
