// gk_qdot_neondot_iq2_s_2 -- rows of IQ2_S by a few rows of x.                                         NEON dot product
//
//   void gk_qdot_neondot_iq2_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq2_s.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         120 cycles                          50
//   Neoverse V1         60 cycles                           24
//   Cortex-A55          435 cycles                          135
//
// mca: neoverse-n1 2*120 2
// mca: neoverse-v1 2*60 2
// mca: cortex-a55 2*435 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq2_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq2_s_2, 82

#endif
