// gk_qdot_avx2_q8_k_2 -- rows of Q8_K by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q8_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q8_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 128 . 127 = 32512.
//
//   256 of two rows are 297 instructions for three digits and 185 for one; 168 and 104 of them are for the two ports
//   that multiply, convert and shift: at least 84 and 52 cycles. Budget for three digits, all ports: 86 cycles.
//
// mca: skylake 1*86

#include "gk_qdot_avx2_q8_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q8_k_2, 292

#endif
