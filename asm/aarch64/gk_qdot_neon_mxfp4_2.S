// gk_qdot_neon_mxfp4_2 -- rows of MXFP4 by one row of x.                                                           NEON
//
//   A block of a row    three digits                       one
//   Cortex-A53          16 * (13 + 2) + 21 = 261 cycles    16 * (5 + 2) + 21 = 133 cycles
//   Cortex-A72          167 cycles                         100 cycles
//
//   Of the two pipes of Cortex-A72 one takes products.
//
// mca: cortex-a72 2*167

#include "gk_qdot_neon_mxfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_mxfp4_2, 136

#endif
