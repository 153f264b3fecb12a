// gk_qdot_neon_iq1_m_2 -- rows of IQ1_M by a few rows of x.                                                        NEON
//
//   void gk_qdot_neon_iq1_m_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq1_m.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          213 cycles                          111
//
// mca: cortex-a72 2*213 2

#include "gk_qdot_neon_iq1_m.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq1_m_2, 56

#endif
