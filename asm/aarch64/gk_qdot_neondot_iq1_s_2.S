// gk_qdot_neondot_iq1_s_2 -- rows of IQ1_S by a few rows of x.                                         NEON dot product
//
//   void gk_qdot_neondot_iq1_s_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq1_s.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         86 cycles                           37
//   Neoverse V1         42 cycles                           19
//   Cortex-A55          337 cycles                          106
//
// mca: neoverse-n1 2*86 2
// mca: neoverse-v1 2*42 2
// mca: cortex-a55 2*337 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq1_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq1_s_2, 50

#endif
