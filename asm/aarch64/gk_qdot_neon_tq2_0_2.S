// gk_qdot_neon_tq2_0_2 -- rows of TQ2_0 by a few rows of x.                                                        NEON
//
//   void gk_qdot_neon_tq2_0_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_tq2_0.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          122 cycles                          102
//
// mca: cortex-a72 2*122 2

#include "gk_qdot_neon_tq2_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_tq2_0_2, 66

#endif
