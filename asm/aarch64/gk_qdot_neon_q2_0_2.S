// gk_qdot_neon_q2_0_2 -- rows of Q2_0 by one row of x.                                                             NEON
//
//   A block of a row    three digits                      one
//   Cortex-A53          16 * (13 + 3) + 9 = 265 cycles    16 * (5 + 3) + 9 = 137 cycles
//   Cortex-A72          197 cycles                        125.5 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*197

#include "gk_qdot_neon_q2_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q2_0_2, 72

#endif
