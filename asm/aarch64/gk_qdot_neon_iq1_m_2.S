// gk_qdot_neon_iq1_m_2 -- rows of IQ1_M by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 7) + 50 = 370 cycles    16 * (5 + 7) + 50 = 242 cycles
//   Cortex-A72          230 cycles                         165 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*230

#include "gk_qdot_neon_iq1_m.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq1_m_2, 56

#endif
