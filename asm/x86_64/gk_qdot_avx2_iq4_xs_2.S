// gk_qdot_avx2_iq4_xs_2 -- rows of IQ4_XS by one row of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq4_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq4_xs.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 127 . 127 = 32258.
//
//   A block of two rows is 346 instructions for three digits and 234 for one; 172 and 108 of them are for the two ports
//   that multiply, convert and shift: at least 86 and 54 cycles. Budget for three digits, all ports: 99 cycles.
//
// mca: skylake 1*99

#include "gk_qdot_avx2_iq4_xs.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq4_xs_2, 136

#endif
