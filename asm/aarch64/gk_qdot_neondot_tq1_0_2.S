// gk_qdot_neondot_tq1_0_2 -- rows of TQ1_0 by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 4) + 16 slots, 112 cycles    16 * (4 + 4) + 16 slots, 72 cycles
//   Neoverse V1, four pipes    56 cycles                              36 cycles
//   Cortex-A55, in order       261 cycles                             197 cycles
//
// mca: neoverse-n1 2*112
// mca: neoverse-v1 2*56
// mca: cortex-a55 2*261

#define GK_QDOT_SDOT

#include "gk_qdot_neon_tq1_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_tq1_0_2, 54

#endif
