// gk_qdot_neon_gptq4_2 -- rows of GPTQ4 by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 2) + 43 = 283 cycles    16 * (5 + 2) + 43 = 155 cycles
//   Cortex-A72          215 cycles                         144.5 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*215

#include "gk_qdot_neon_awq4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_gptq4_2, 144

#endif
