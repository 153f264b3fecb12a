// gk_qdot_neon_q5_k_2 -- rows of Q5_K by one row of x.                                                             NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 3) + 59 = 315 cycles    16 * (5 + 3) + 59 = 187 cycles
//   Cortex-A72          247 cycles                         179 cycles
//
//   Of the two pipes of Cortex-A72 one takes products and divisions.
//
// mca: cortex-a72 2*247

#include "gk_qdot_neon_q5_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q5_k_2, 176

#endif
