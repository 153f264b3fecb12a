// gk_qdot_neon_iq2_xxs_2 -- rows of IQ2_XXS by one row of x.                                                       NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 9) + 33 = 385 cycles    16 * (5 + 9) + 33 = 257 cycles
//   Cortex-A72          223 cycles                         155 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*223

#include "gk_qdot_neon_iq2_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq2_xxs_2, 66

#endif
