// gk_qdot_neon_iq4_xs_2 -- rows of IQ4_XS by one row of x.                                                         NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 2) + 20 = 260 cycles    16 * (5 + 2) + 20 = 132 cycles
//   Cortex-A72          169 cycles                         99 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*169

#include "gk_qdot_neon_iq4_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq4_xs_2, 136

#endif
