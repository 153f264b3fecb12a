// gk_qdot_avx2_iq4_nl_2 -- rows of IQ4_NL by one row of x.                                                AVX2 FMA F16C
//
//   void gk_qdot_avx2_iq4_nl_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_iq4_nl.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 127 . 127 = 32258.
//
//   256 of two rows are 339 instructions for three digits and 227 for one; 164 and 100 of them are for the two ports
//   that multiply, convert and shift: at least 82 and 50 cycles. Budget for three digits, all ports: 98 cycles.
//
// mca: skylake 1*98

#include "gk_qdot_avx2_iq4_nl.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_iq4_nl_2, 144

#endif
