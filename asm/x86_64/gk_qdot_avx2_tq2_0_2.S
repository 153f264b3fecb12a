// gk_qdot_avx2_tq2_0_2 -- rows of TQ2_0 by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_tq2_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_tq2_0.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 3 . 127 = 762.
//
//   256 of two rows are 283 instructions for three digits and 171 for one; 152 and 88 of them are for the two ports
//   that multiply, convert and shift: at least 76 and 44 cycles. Budget for three digits, all ports: 82 cycles.
//
// mca: skylake 1*82

#include "gk_qdot_avx2_tq2_0.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_tq2_0_2, 66

#endif
