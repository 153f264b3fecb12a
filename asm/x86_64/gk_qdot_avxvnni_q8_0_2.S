// gk_qdot_avxvnni_q8_0_2 -- rows of Q8_0 by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q8_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q8_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 255 instructions for three digits and 175 for one; 84 and 52 of them are for the two ports that
//   multiply, convert and shift: at least 42 and 26 cycles. Budget for three digits, all ports: 52 cycles.
//
// mca: alderlake 1*52

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q8_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q8_0_2, 272

#endif
