// gk_qdot_neon_q8_k_2 -- rows of Q8_K by one row of x.                                                             NEON
//
//   A block of a row    three digits                      one
//   Cortex-A53          16 * (13 + 0) + 7 = 215 cycles    16 * (5 + 0) + 7 = 87 cycles
//   Cortex-A72          128 cycles                        65.5 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*128

#include "gk_qdot_neon_q8_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q8_k_2, 292

#endif
