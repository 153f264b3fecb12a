// gk_qdot_neondot_q4_k_2 -- rows of Q4_K by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q4_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q4_k.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         89 cycles                           40
//   Neoverse V1         43 cycles                           20
//   Cortex-A55          244 cycles                          115
//
// mca: neoverse-n1 2*89 2
// mca: neoverse-v1 2*43 2
// mca: cortex-a55 2*244 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q4_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q4_k_2, 144

#endif
