// gk_qdot_avx2_q6_k_2 -- rows of Q6_K by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q6_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q6_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 63 . 127 = 16002.
//
//   256 of two rows are 366 instructions for three digits and 254 for one; 170 and 106 of them are for the two ports that
//   multiply, convert and shift: at least 85 and 53 cycles. Budget for three digits, all ports: 106 cycles.
//
// mca: skylake 1*106

#include "gk_qdot_avx2_q6_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q6_k_2, 210

#endif
