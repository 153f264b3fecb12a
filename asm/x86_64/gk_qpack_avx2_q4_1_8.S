// gk_qpack_avx2_q4_1_8 -- strips of Q4_1 by a few rows of x.                                             AVX2 FMA F16C
//
//   void gk_qpack_avx2_q4_1_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_q4_1.h. The job, x, and all other registers: gk_qpack_avx2.h.
//   Sums of 16 bits: eight pairs of products are at most 8 . 2 . 15 . 127 = 30480.
//
//   64 of eight rows by one of x: 53 cycles for three digits.
//
// mca: skylake 1*53 1

#include "gk_qpack_avx2_q4_1.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_q4_1_8, FORMAT

#endif
