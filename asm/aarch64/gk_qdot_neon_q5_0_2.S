// gk_qdot_neon_q5_0_2 -- rows of Q5_0 by one row of x.                                                             NEON
//
//   A block of a row    three digits                        one
//   Cortex-A53          16 * (13 + 3.5) + 9 = 273 cycles    16 * (5 + 3.5) + 9 = 145 cycles
//   Cortex-A72          179 cycles                          109 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*179

#include "gk_qdot_neon_q5_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q5_0_2, 176

#endif
