// gk_qdot_avxvnni_gptq4_2 -- rows of GPTQ4 by one row of x.                                      AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_gptq4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_awq4.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 324 instructions for three digits and 228 for one; 128 and 96 of them are for the two ports
//   that multiply, convert and shift: at least 64 and 48 cycles. Budget for three digits, all ports: 70 cycles.
//
// mca: alderlake 1*70

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_awq4.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_gptq4_2, 144

#endif
