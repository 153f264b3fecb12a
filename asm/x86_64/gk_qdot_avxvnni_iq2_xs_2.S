// gk_qdot_avxvnni_iq2_xs_2 -- rows of IQ2_XS by one row of x.                                    AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq2_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq2_xs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 524 instructions for three digits and 444 for one; 240 and 224 of them load, three in a cycle:
//   at least 80 and 75 cycles. Budget for three digits, all ports: 107 cycles.
//
// mca: alderlake 1*107

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq2_xs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq2_xs_2, 74

#endif
