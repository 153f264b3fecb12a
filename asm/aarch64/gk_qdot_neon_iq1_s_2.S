// gk_qdot_neon_iq1_s_2 -- rows of IQ1_S by one row of x.                                                           NEON
//
//   A block of a row    three digits                         one
//   Cortex-A53          16 * (13 + 6.5) + 37 = 349 cycles    16 * (5 + 6.5) + 37 = 221 cycles
//   Cortex-A72          195 cycles                           131.5 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*195

#include "gk_qdot_neon_iq1_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq1_s_2, 50

#endif
