// gk_qdot_neondot_iq1_m_2 -- rows of IQ1_M by a few rows of x.                                         NEON dot product
//
//   void gk_qdot_neondot_iq1_m_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq1_m.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         111 cycles                          50
//   Neoverse V1         55 cycles                           24
//   Cortex-A55          402 cycles                          135
//
// mca: neoverse-n1 2*111 2
// mca: neoverse-v1 2*55 2
// mca: cortex-a55 2*402 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq1_m.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq1_m_2, 56

#endif
