// gk_qdot_neon_iq3_xxs_2 -- rows of IQ3_XXS by one row of x.                                                       NEON
//
//   A block of a row    three digits                        one
//   Cortex-A53          16 * (13 + 15) + 29 = 477 cycles    16 * (5 + 15) + 29 = 349 cycles
//   Cortex-A72          260 cycles                          194 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*260

#include "gk_qdot_neon_iq3_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq3_xxs_2, 98

#endif
