// gk_qdot_neon_iq2_xs_2 -- rows of IQ2_XS by one row of x.                                                         NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 9) + 41 = 393 cycles    16 * (5 + 9) + 41 = 265 cycles
//   Cortex-A72          232 cycles                         167 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*232

#include "gk_qdot_neon_iq2_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq2_xs_2, 74

#endif
