// gk_qdot_avxvnni_q5_k_2 -- rows of Q5_K by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q5_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 388 instructions for three digits and 292 for one; 150 and 118 of them are for the two ports
//   that multiply, convert and shift: at least 75 and 59 cycles. Budget for three digits, all ports: 88 cycles.
//
// mca: alderlake 1*88

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q5_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q5_k_2, 176

#endif
