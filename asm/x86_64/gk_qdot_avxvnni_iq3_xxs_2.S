// gk_qdot_avxvnni_iq3_xxs_2 -- rows of IQ3_XXS by one row of x.                                  AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq3_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq3_xxs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 614 instructions for three digits and 534 for one; 340 and 324 of them load, three in a cycle:
//   at least 114 and 108 cycles. Budget for three digits, all ports: 132 cycles.
//
// mca: alderlake 1*132

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq3_xxs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq3_xxs_2, 98

#endif
