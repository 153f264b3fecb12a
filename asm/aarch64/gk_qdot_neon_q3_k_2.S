// gk_qdot_neon_q3_k_2 -- rows of Q3_K by one row of x.                                                             NEON
//
//   A block of a row    three digits                         one
//   Cortex-A53          16 * (13 + 2.5) + 29 = 277 cycles    16 * (5 + 2.5) + 29 = 149 cycles
//   Cortex-A72          178 cycles                           106 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*178

#include "gk_qdot_neon_q3_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q3_k_2, 110

#endif
