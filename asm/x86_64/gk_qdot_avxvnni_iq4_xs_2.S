// gk_qdot_avxvnni_iq4_xs_2 -- rows of IQ4_XS by one row of x.                                    AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_iq4_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq4_xs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   A block of two rows is 306 instructions for three digits and 226 for one; 108 and 76 of them are for the two ports
//   that multiply, convert and shift: at least 54 and 38 cycles. Budget for three digits, all ports: 71 cycles.
//
// mca: alderlake 1*71

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_iq4_xs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_iq4_xs_2, 136

#endif
