// gk_qdot_avxvnni_q3_k_2 -- rows of Q3_K by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q3_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q3_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   A block of two rows is 353 instructions for three digits and 257 for one; 125 and 93 of them are for the two ports
//   that multiply, convert and shift: at least 63 and 47 cycles. Budget for three digits, all ports: 85 cycles.
//
// mca: alderlake 1*85

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q3_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q3_k_2, 110

#endif
