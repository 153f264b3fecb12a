// gk_qdot_avxvnni_iq1_m_2 -- rows of IQ1_M by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq1_m_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq1_m.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 516 instructions for three digits and 420 for one; 260 and 244 of them load, three in a cycle:
//   at least 87 and 82 cycles. Budget for three digits, all ports: 110 cycles.
//
// mca: alderlake 1*110

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq1_m.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq1_m_2, 56

#endif
