// gk_qdot_neon_iq4_nl_2 -- rows of IQ4_NL by a few rows of x.                                                      NEON
//
//   void gk_qdot_neon_iq4_nl_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq4_nl.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          146 cycles                          99
//
// mca: cortex-a72 2*146 2

#include "gk_qdot_neon_iq4_nl.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq4_nl_2, 144

#endif
