// gk_qdot_neondot_nvfp4_2 -- rows of NVFP4 by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                             one
//   Neoverse N1                16 * (9 + 3) + 31 slots, 111.5 cycles    16 * (4 + 3) + 31 slots, 71.5 cycles
//   Neoverse V1, four pipes    59.5 cycles                              39.5 cycles
//   Cortex-A55, in order       253 cycles                               197 cycles
//
// mca: neoverse-n1 2*111.5
// mca: neoverse-v1 2*59.5
// mca: cortex-a55 2*253

#define GK_QDOT_SDOT

#include "gk_qdot_neon_nvfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_nvfp4_2, 144

#endif
