// gk_qdot_neon_q4_0_2 -- rows of Q4_0 by one row of x.                                                             NEON
//
//   A block of a row    three digits                        one
//   Cortex-A53          16 * (13 + 1.5) + 9 = 241 cycles    16 * (5 + 1.5) + 9 = 113 cycles
//   Cortex-A72          143 cycles                          79 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*143

#include "gk_qdot_neon_q4_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q4_0_2, 144

#endif
