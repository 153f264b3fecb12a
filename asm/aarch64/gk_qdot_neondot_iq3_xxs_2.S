// gk_qdot_neondot_iq3_xxs_2 -- rows of IQ3_XXS by a few rows of x.                                     NEON dot product
//
//   void gk_qdot_neondot_iq3_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq3_xxs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         109 cycles                          37
//   Neoverse V1         57 cycles                           19
//   Cortex-A55          459 cycles                          106
//
// mca: neoverse-n1 2*109 2
// mca: neoverse-v1 2*57 2
// mca: cortex-a55 2*459 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq3_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq3_xxs_2, 98

#endif
