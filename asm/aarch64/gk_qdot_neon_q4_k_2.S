// gk_qdot_neon_q4_k_2 -- rows of Q4_K by one row of x.                                                             NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 2) + 50 = 290 cycles    16 * (5 + 2) + 50 = 162 cycles
//   Cortex-A72          234 cycles                         160 cycles
//
//   Of the two pipes of Cortex-A72 one takes products and divisions.
//
// mca: cortex-a72 2*234

#include "gk_qdot_neon_q4_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q4_k_2, 144

#endif
