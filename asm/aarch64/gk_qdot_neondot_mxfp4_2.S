// gk_qdot_neondot_mxfp4_2 -- rows of MXFP4 by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                          one
//   Neoverse N1                16 * (9 + 2) + 22 slots, 99 cycles    16 * (4 + 2) + 22 slots, 59 cycles
//   Neoverse V1, four pipes    53.5 cycles                           33.5 cycles
//   Cortex-A55, in order       244 cycles                            188 cycles
//
// mca: neoverse-n1 2*99
// mca: neoverse-v1 2*53.5
// mca: cortex-a55 2*244

#define GK_QDOT_SDOT

#include "gk_qdot_neon_mxfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_mxfp4_2, 136

#endif
