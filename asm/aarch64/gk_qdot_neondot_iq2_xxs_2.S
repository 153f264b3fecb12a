// gk_qdot_neondot_iq2_xxs_2 -- rows of IQ2_XXS by a few rows of x.                                     NEON dot product
//
//   void gk_qdot_neondot_iq2_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq2_xxs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         101 cycles                          37
//   Neoverse V1         52 cycles                           19
//   Cortex-A55          373 cycles                          106
//
// mca: neoverse-n1 2*101 2
// mca: neoverse-v1 2*52 2
// mca: cortex-a55 2*373 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq2_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq2_xxs_2, 66

#endif
