// gk_qdot_neon_iq4_xs_2 -- rows of IQ4_XS by a few rows of x.                                                      NEON
//
//   void gk_qdot_neon_iq4_xs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq4_xs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          152 cycles                          99
//
// mca: cortex-a72 2*152 2

#include "gk_qdot_neon_iq4_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq4_xs_2, 136

#endif
