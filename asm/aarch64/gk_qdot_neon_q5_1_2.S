// gk_qdot_neon_q5_1_2 -- rows of Q5_1 by one row of x.                                                             NEON
//
//   A block of a row    three digits                         one
//   Cortex-A53          16 * (13 + 4.5) + 50 = 330 cycles    16 * (5 + 4.5) + 50 = 202 cycles
//   Cortex-A72          259 cycles                           195 cycles
//
//   Of the two pipes of Cortex-A72 one takes products and divisions.
//
// mca: cortex-a72 2*259

#include "gk_qdot_neon_q5_1.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q5_1_2, 192

#endif
