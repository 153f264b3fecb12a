// gk_qdot_avxvnni_tq1_0_2 -- rows of TQ1_0 by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_tq1_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_tq1_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 367 instructions for three digits and 271 for one; 152 and 120 of them are for the two ports
//   that multiply, convert and shift: at least 76 and 60 cycles. Budget for three digits, all ports: 91 cycles.
//
// mca: alderlake 1*91

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_tq1_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_tq1_0_2, 54

#endif
