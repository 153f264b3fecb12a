// gk_qdot_neon_q4_1_2 -- rows of Q4_1 by one row of x.                                                             NEON
//
//   A block of a row    three digits                         one
//   Cortex-A53          16 * (13 + 2.5) + 39 = 287 cycles    16 * (5 + 2.5) + 39 = 159 cycles
//   Cortex-A72          222 cycles                           156 cycles
//
//   Of the two pipes of Cortex-A72 one takes products and divisions.
//
// mca: cortex-a72 2*222

#include "gk_qdot_neon_q4_1.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q4_1_2, 160

#endif
