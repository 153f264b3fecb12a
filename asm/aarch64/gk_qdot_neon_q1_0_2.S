// gk_qdot_neon_q1_0_2 -- rows of Q1_0 by one row of x.                                                             NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 3) + 11 = 267 cycles    16 * (5 + 3) + 11 = 139 cycles
//   Cortex-A72          172 cycles                         99.5 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*172

#include "gk_qdot_neon_q1_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q1_0_2, 36

#endif
