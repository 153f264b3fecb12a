// gk_qdot_avxvnni_q2_k_2 -- rows of Q2_K by a few rows of x.                                    AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q2_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q2_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows by two of x are twice 63 cycles, of three digits: 27 to make a row ready, the others to multiply both
//   with one of x.
//
// mca: alderlake 1*63 2

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q2_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q2_k_2, 84

#endif
