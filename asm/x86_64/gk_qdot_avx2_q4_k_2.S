// gk_qdot_avx2_q4_k_2 -- rows of Q4_K by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q4_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q4_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 15 . 127 = 3810.
//
//   256 of two rows are 388 instructions for three digits and 276 for one; 184 and 120 of them are for the two ports
//   that multiply, convert and shift: at least 92 and 60 cycles. Budget for three digits, all ports: 101 cycles.
//
// mca: skylake 1*101

#include "gk_qdot_avx2_q4_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q4_k_2, 144

#endif
