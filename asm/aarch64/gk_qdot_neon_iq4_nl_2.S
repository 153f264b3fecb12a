// gk_qdot_neon_iq4_nl_2 -- rows of IQ4_NL by one row of x.                                                         NEON
//
//   A block of a row    three digits                      one
//   Cortex-A53          16 * (13 + 2) + 9 = 249 cycles    16 * (5 + 2) + 9 = 121 cycles
//   Cortex-A72          164 cycles                        95 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*164

#include "gk_qdot_neon_iq4_nl.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq4_nl_2, 144

#endif
