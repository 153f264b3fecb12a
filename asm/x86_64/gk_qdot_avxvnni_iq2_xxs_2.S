// gk_qdot_avxvnni_iq2_xxs_2 -- rows of IQ2_XXS by one row of x.                                  AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq2_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq2_xxs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 490 instructions for three digits and 410 for one; 214 and 198 of them load, three in a cycle:
//   at least 72 and 66 cycles. Budget for three digits, all ports: 99 cycles.
//
// mca: alderlake 1*99

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq2_xxs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq2_xxs_2, 66

#endif
