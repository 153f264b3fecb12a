// gk_qdot_neon_q8_0_2 -- rows of Q8_0 by one row of x.                                                             NEON
//
//   A block of a row    three digits                one
//   Cortex-A53          16 * 13 + 7 = 215 cycles    16 * 5 + 7 = 87 cycles
//   Cortex-A72          133 cycles                  69 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*133

#include "gk_qdot_neon_q8_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_q8_0_2, 272

#endif
