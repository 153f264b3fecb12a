// gk_qdot_neon_iq3_s_2 -- rows of IQ3_S by one row of x.                                                           NEON
//
//   A block of a row    three digits                        one
//   Cortex-A53          16 * (13 + 15) + 39 = 487 cycles    16 * (5 + 15) + 39 = 359 cycles
//   Cortex-A72          282 cycles                          223 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*282

#include "gk_qdot_neon_iq3_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq3_s_2, 110

#endif
