// gk_qdot_neon_q2_k_2 -- rows of Q2_K by a few rows of x.                                                          NEON
//
//   void gk_qdot_neon_q2_k_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_q2_k.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          291 cycles                          117
//
// mca: cortex-a72 2*291 2

#include "gk_qdot_neon_q2_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q2_k_2, 84

#endif
