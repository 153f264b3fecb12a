// gk_qdot_avxvnni_iq1_s_2 -- rows of IQ1_S by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq1_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq1_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 456 instructions for three digits and 360 for one; 230 and 214 of them load, three in a cycle:
//   at least 77 and 72 cycles. Budget for three digits, all ports: 95 cycles.
//
// mca: alderlake 1*95

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq1_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq1_s_2, 50

#endif
