// gk_qdot_neondot_q8_k_2 -- rows of Q8_K by a few rows of x.                                           NEON dot product
//
//   void gk_qdot_neondot_q8_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q8_k.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         54 cycles                           37
//   Neoverse V1         27 cycles                           19
//   Cortex-A55          183 cycles                          106
//
// mca: neoverse-n1 2*54 2
// mca: neoverse-v1 2*27 2
// mca: cortex-a55 2*183 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q8_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q8_k_2, 292

#endif
