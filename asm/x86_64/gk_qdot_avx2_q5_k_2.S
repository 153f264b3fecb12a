// gk_qdot_avx2_q5_k_2 -- rows of Q5_K by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q5_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 31 . 127 = 7874.
//
//   256 of two rows are 436 instructions for three digits and 324 for one; 198 and 134 of them are for the two ports
//   that multiply, convert and shift: at least 99 and 67 cycles. Budget for three digits, all ports: 119 cycles.
//
// mca: skylake 1*119

#include "gk_qdot_avx2_q5_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q5_k_2, 176

#endif
