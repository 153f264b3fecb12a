// gk_qdot_neondot_iq2_xs_2 -- rows of IQ2_XS by a few rows of x.                                       NEON dot product
//
//   void gk_qdot_neondot_iq2_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq2_xs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         123 cycles                          50
//   Neoverse V1         61 cycles                           24
//   Cortex-A55          429 cycles                          135
//
// mca: neoverse-n1 2*123 2
// mca: neoverse-v1 2*61 2
// mca: cortex-a55 2*429 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq2_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq2_xs_2, 74

#endif
