// gk_qdot_neon_tq2_0_2 -- rows of TQ2_0 by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 2) + 15 = 255 cycles    16 * (5 + 2) + 15 = 127 cycles
//   Cortex-A72          145.5 cycles                       76 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*145.5

#include "gk_qdot_neon_tq2_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_tq2_0_2, 66

#endif
