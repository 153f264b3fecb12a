// gk_qdot_avxvnni_q8_k_2 -- rows of Q8_K by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q8_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q8_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 257 instructions for three digits and 177 for one; 88 and 56 of them are for the two ports that
//   multiply, convert and shift: at least 44 and 28 cycles. Budget for three digits, all ports: 51 cycles.
//
// mca: alderlake 1*51

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q8_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q8_k_2, 292

#endif
