// gk_qdot_avxvnni_q6_k_2 -- rows of Q6_K by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q6_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q6_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 334 instructions for three digits and 238 for one; 122 and 90 of them are for the two ports that
//   multiply, convert and shift: at least 61 and 45 cycles. Budget for three digits, all ports: 82 cycles.
//
// mca: alderlake 1*82

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q6_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q6_k_2, 210

#endif
