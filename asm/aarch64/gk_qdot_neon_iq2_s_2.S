// gk_qdot_neon_iq2_s_2 -- rows of IQ2_S by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 9) + 39 = 391 cycles    16 * (5 + 9) + 39 = 263 cycles
//   Cortex-A72          236 cycles                         170 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*236

#include "gk_qdot_neon_iq2_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq2_s_2, 82

#endif
