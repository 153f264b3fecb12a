// gk_qdot_avx2_mxfp4_2 -- rows of MXFP4 by one row of x.                                                  AVX2 FMA F16C
//
//   void gk_qdot_avx2_mxfp4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_mxfp4.h. The job, x, and all other registers: gk_qdot_avx2.h.
//   Sums of 16 bits: two products are at most 2 . 24 . 127 = 6096.
//
//   256 of two rows are 345 instructions for three digits and 233 for one; 160 and 96 of them are for the two ports
//   that multiply, convert and shift: at least 80 and 48 cycles. Budget for three digits, all ports: 101 cycles.
//
// mca: skylake 1*101

#include "gk_qdot_avx2_mxfp4.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avx2_mxfp4_2, 136

#endif
