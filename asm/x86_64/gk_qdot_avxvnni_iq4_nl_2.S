// gk_qdot_avxvnni_iq4_nl_2 -- rows of IQ4_NL by one row of x.                                    AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq4_nl_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq4_nl.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 299 instructions for three digits and 219 for one; 100 and 68 of them are for the two ports
//   that multiply, convert and shift: at least 50 and 34 cycles. Budget for three digits, all ports: 69 cycles.
//
// mca: alderlake 1*69

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq4_nl.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq4_nl_2, 144

#endif
