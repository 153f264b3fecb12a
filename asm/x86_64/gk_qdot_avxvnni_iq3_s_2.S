// gk_qdot_avxvnni_iq3_s_2 -- rows of IQ3_S by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq3_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq3_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 648 instructions for three digits and 568 for one; 352 and 336 of them load, three in a cycle:
//   at least 118 and 112 cycles. Budget for three digits, all ports: 148 cycles.
//
// mca: alderlake 1*148

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq3_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq3_s_2, 110

#endif
