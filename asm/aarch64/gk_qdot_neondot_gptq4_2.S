// gk_qdot_neondot_gptq4_2 -- rows of GPTQ4 by a few rows of x.                                         NEON dot product
//
//   void gk_qdot_neondot_gptq4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_awq4.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         87 cycles                           40
//   Neoverse V1         42 cycles                           20
//   Cortex-A55          231 cycles                          115
//
// mca: neoverse-n1 2*87 2
// mca: neoverse-v1 2*42 2
// mca: cortex-a55 2*231 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_awq4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_gptq4_2, 144

#endif
