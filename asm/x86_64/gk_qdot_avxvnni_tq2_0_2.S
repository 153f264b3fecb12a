// gk_qdot_avxvnni_tq2_0_2 -- rows of TQ2_0 by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_tq2_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_tq2_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 251 instructions for three digits and 155 for one; 104 and 72 of them are for the two ports
//   that multiply, convert and shift: at least 52 and 36 cycles. Budget for three digits, all ports: 62 cycles.
//
// mca: alderlake 1*62

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_tq2_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_tq2_0_2, 66

#endif
