// gk_qdot_avxvnni_q4_k_2 -- rows of Q4_K by one row of x.                                        AVX2 FMA F16C AVX-VNNI
//
//   void gk_qdot_avxvnni_q4_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_avx2_q4_k.h. The job, x, and all other registers: gk_qdot_avx2.h.
//
//   256 of two rows are 340 instructions for three digits and 244 for one; 136 and 104 of them are for the two ports
//   that multiply, convert and shift: at least 68 and 52 cycles. Budget for three digits, all ports: 73 cycles.
//
// mca: alderlake 1*73

#define GK_QDOT_VNNI

#include "gk_qdot_avx2_q4_k.h"
#ifdef __x86_64__

GK_QDOT_FUNC gk_qdot_avxvnni_q4_k_2, 144

#endif
