// gk_qdot_neon_q5_1_2 -- rows of Q5_1 by a few rows of x.                                                          NEON
//
//   void gk_qdot_neon_q5_1_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q5_1.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          216 cycles                          102
//
// mca: cortex-a72 2*216 2

#include "gk_qdot_neon_q5_1.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q5_1_2, 192

#endif
