// gk_qdot_neondot_iq4_xs_2 -- rows of IQ4_XS by a few rows of x.                                       NEON dot product
//
//   void gk_qdot_neondot_iq4_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq4_xs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         66 cycles                           37
//   Neoverse V1         37 cycles                           19
//   Cortex-A55          215 cycles                          106
//
// mca: neoverse-n1 2*66 2
// mca: neoverse-v1 2*37 2
// mca: cortex-a55 2*215 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq4_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq4_xs_2, 136

#endif
