// gk_qdot_neondot_q4_1_2 -- rows of Q4_1 by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q4_1_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q4_1.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         82 cycles                           40
//   Neoverse V1         39 cycles                           20
//   Cortex-A55          232 cycles                          115
//
// mca: neoverse-n1 2*82 2
// mca: neoverse-v1 2*39 2
// mca: cortex-a55 2*232 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q4_1.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q4_1_2, 160

#endif
