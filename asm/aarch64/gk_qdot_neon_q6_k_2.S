// gk_qdot_neon_q6_k_2 -- rows of Q6_K by one row of x.                                                             NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 3) + 22 = 278 cycles    16 * (5 + 3) + 22 = 150 cycles
//   Cortex-A72          169 cycles                         103 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*169

#include "gk_qdot_neon_q6_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q6_k_2, 210

#endif
