// gk_qdot_neondot_q4_0_2 -- rows of Q4_0 by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q4_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q4_0.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         57 cycles                           38
//   Neoverse V1         28 cycles                           19
//   Cortex-A55          184 cycles                          109
//
// mca: neoverse-n1 2*57 2
// mca: neoverse-v1 2*28 2
// mca: cortex-a55 2*184 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q4_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q4_0_2, 144

#endif
