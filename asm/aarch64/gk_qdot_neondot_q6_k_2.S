// gk_qdot_neondot_q6_k_2 -- rows of Q6_K by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q6_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q6_k.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         96 cycles                           51
//   Neoverse V1         45 cycles                           25
//   Cortex-A55          270 cycles                          141
//
// mca: neoverse-n1 2*96 2
// mca: neoverse-v1 2*45 2
// mca: cortex-a55 2*270 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q6_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q6_k_2, 210

#endif
