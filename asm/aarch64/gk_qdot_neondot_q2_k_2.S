// gk_qdot_neondot_q2_k_2 -- rows of Q2_K by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q2_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q2_k.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         135 cycles                          56
//   Neoverse V1         64 cycles                           26
//   Cortex-A55          345 cycles                          153
//
// mca: neoverse-n1 2*135 2
// mca: neoverse-v1 2*64 2
// mca: cortex-a55 2*345 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q2_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q2_k_2, 84

#endif
