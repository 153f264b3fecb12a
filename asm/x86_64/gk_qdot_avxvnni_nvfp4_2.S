// gk_qdot_avxvnni_nvfp4_2 -- rows of NVFP4 by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_nvfp4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_nvfp4.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 327 instructions for three digits and 231 for one; 118 and 86 of them are for the two ports
//   that multiply, convert and shift: at least 59 and 43 cycles. Budget for three digits, all ports: 88 cycles.
//
// mca: alderlake 1*88

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_nvfp4.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_nvfp4_2, 144

#endif
