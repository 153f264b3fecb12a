// gk_qdot_neondot_q5_k_2 -- rows of Q5_K by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q5_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q5_k.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         100 cycles                          40
//   Neoverse V1         49 cycles                           20
//   Cortex-A55          275 cycles                          115
//
// mca: neoverse-n1 2*100 2
// mca: neoverse-v1 2*49 2
// mca: cortex-a55 2*275 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q5_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q5_k_2, 176

#endif
