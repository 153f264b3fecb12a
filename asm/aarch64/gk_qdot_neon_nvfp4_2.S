// gk_qdot_neon_nvfp4_2 -- rows of NVFP4 by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 3) + 24 = 280 cycles    16 * (5 + 3) + 24 = 152 cycles
//   Cortex-A72          184 cycles                         112 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*184

#include "gk_qdot_neon_nvfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_nvfp4_2, 144

#endif
