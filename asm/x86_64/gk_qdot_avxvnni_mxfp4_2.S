// gk_qdot_avxvnni_mxfp4_2 -- rows of MXFP4 by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_mxfp4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_mxfp4.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 313 instructions for three digits and 217 for one; 112 and 80 of them are for the two ports
//   that multiply, convert and shift: at least 56 and 40 cycles. Budget for three digits, all ports: 77 cycles.
//
// mca: alderlake 1*77

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_mxfp4.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_mxfp4_2, 136

#endif
