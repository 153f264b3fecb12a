// gk_qpack_avx2_q3_k_8 -- strips of Q3_K by a few rows of x.                                             AVX2 FMA F16C
//
//   void gk_qpack_avx2_q3_k_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_q3_k.h. The job, x, and all other registers: gk_qpack_avx2.h.
//   Sums of 16 bits: four pairs of products are at most 4 . 2 . 7 . 127 = 7112.
//
//   64 of eight rows by one of x: 61 cycles for three digits.
//
// mca: skylake 1*61 1

#include "gk_qpack_avx2_q3_k.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_q3_k_8, FORMAT

#endif
