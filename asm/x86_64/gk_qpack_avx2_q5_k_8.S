// gk_qpack_avx2_q5_k_8 -- strips of Q5_K by a few rows of x.                                             AVX2 FMA F16C
//
//   void gk_qpack_avx2_q5_k_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_q5_k.h. The job, x, and all other registers: gk_qpack_avx2.h.
//   Sums of 16 bits: of three digits eight pairs of products are at most 8 . 2 . 31 . 64 = 31744,
//   of one four, 4 . 2 . 31 . 127.
//
//   64 of eight rows by one of x: 65 cycles for three digits.
//
// mca: skylake 1*65 1

#include "gk_qpack_avx2_q5_k.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_q5_k_8, FORMAT

#endif
