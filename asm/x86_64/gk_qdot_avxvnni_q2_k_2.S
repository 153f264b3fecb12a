// gk_qdot_avxvnni_q2_k_2 -- rows of Q2_K by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q2_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q2_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   A block of two rows is 389 instructions for three digits and 293 for one; 164 and 132 of them are for the two ports
//   that multiply, convert and shift: at least 82 and 66 cycles. Budget for three digits, all ports: 94 cycles.
//
// mca: alderlake 1*94

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q2_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q2_k_2, 84

#endif
