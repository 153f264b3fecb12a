// gk_qdot_neondot_q1_0_2 -- rows of Q1_0 by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q1_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q1_0.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         62 cycles                           37
//   Neoverse V1         32 cycles                           19
//   Cortex-A55          203 cycles                          106
//
// mca: neoverse-n1 2*62 2
// mca: neoverse-v1 2*32 2
// mca: cortex-a55 2*203 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q1_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q1_0_2, 36

#endif
