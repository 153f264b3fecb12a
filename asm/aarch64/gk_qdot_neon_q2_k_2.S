// gk_qdot_neon_q2_k_2 -- rows of Q2_K by one row of x.                                                             NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 3) + 85 = 341 cycles    16 * (5 + 3) + 85 = 213 cycles
//   Cortex-A72          335 cycles                         257 cycles
//
//   Of the two pipes of Cortex-A72 one takes products and divisions.
//
// mca: cortex-a72 2*335

#include "gk_qdot_neon_q2_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q2_k_2, 84

#endif
