// gk_qpack_avx2_q6_k_8 -- strips of Q6_K by a few rows of x.                                             AVX2 FMA F16C
//
//   void gk_qpack_avx2_q6_k_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_q6_k.h. The job, x, and all other registers: gk_qpack_avx2.h.
//   Sums of 16 bits: of three digits four pairs of products are at most 4 . 2 . 63 . 64 = 32256, of one two, 2 . 2 . 63 . 127.
//
//   64 of eight rows by one of x: 64 cycles for three digits.
//
// mca: skylake 1*64 1

#include "gk_qpack_avx2_q6_k.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_q6_k_8, FORMAT

#endif
