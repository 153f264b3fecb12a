// gk_qdot_avxvnni_q5_1_2 -- rows of Q5_1 by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q5_1_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q5_1.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 454 instructions for three digits and 358 for one; 152 and 120 of them are for the two ports
//   that multiply, convert and shift: at least 76 and 60 cycles. Budget for three digits, all ports: 102 cycles.
//
// mca: alderlake 1*102

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q5_1.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q5_1_2, 192

#endif
