// gk_qdot_avxvnni_iq2_s_2 -- rows of IQ2_S by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq2_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq2_s.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 518 instructions for three digits and 438 for one; 248 and 232 of them load, three in a cycle:
//   at least 83 and 78 cycles. Budget for three digits, all ports: 106 cycles.
//
// mca: alderlake 1*106

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq2_s.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq2_s_2, 82

#endif
