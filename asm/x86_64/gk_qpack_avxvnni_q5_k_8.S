// gk_qpack_avxvnni_q5_k_8 -- strips of Q5_K by a few rows of x.                                 AVX2 FMA F16C AVX-VNNI
//
//   void gk_qpack_avxvnni_q5_k_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_q5_k.h. The job, x, and all other registers: gk_qpack_avx2.h.
//
//   64 of eight rows by one of x: 49 cycles for three digits.
//
// mca: alderlake 1*49 1

#define GK_QPACK_VNNI

#include "gk_qpack_avx2_q5_k.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avxvnni_q5_k_8, FORMAT

#endif
