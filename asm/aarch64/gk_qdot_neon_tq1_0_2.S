// gk_qdot_neon_tq1_0_2 -- rows of TQ1_0 by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 4) + 13 = 285 cycles    16 * (5 + 4) + 13 = 157 cycles
//   Cortex-A72          176 cycles                         108.5 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*176

#include "gk_qdot_neon_tq1_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_tq1_0_2, 54

#endif
