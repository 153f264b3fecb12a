// gk_qdot_avx2_q2_k_2 -- rows of Q2_K by one row of x.                                                    AVX2 FMA F16C
//
//   void gk_qdot_avx2_q2_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q2_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 12 . 127 = 3048.
//
//   A block of two rows is 437 instructions for three digits and 325 for one; 212 and 148 of them are for the two ports
//   that multiply, convert and shift: at least 106 and 74 cycles. Budget for three digits, all ports: 128 cycles.
//
// mca: skylake 1*128

#include "gk_qdot_avx2_q2_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_q2_k_2, 84

#endif
