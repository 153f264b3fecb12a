// gk_qdot_neondot_iq4_nl_2 -- rows of IQ4_NL by a few rows of x.                                       NEON dot product
//
//   void gk_qdot_neondot_iq4_nl_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq4_nl.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         64 cycles                           37
//   Neoverse V1         36 cycles                           19
//   Cortex-A55          209 cycles                          106
//
// mca: neoverse-n1 2*64 2
// mca: neoverse-v1 2*36 2
// mca: cortex-a55 2*209 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq4_nl.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq4_nl_2, 144

#endif
