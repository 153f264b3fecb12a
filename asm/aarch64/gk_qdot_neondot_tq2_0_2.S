// gk_qdot_neondot_tq2_0_2 -- rows of TQ2_0 by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                          one
//   Neoverse N1                16 * (9 + 2) + 18 slots, 97 cycles    16 * (4 + 2) + 18 slots, 57 cycles
//   Neoverse V1, four pipes    48.5 cycles                           28.5 cycles
//   Cortex-A55, in order       224 cycles                            160 cycles
//
// mca: neoverse-n1 2*97
// mca: neoverse-v1 2*48.5
// mca: cortex-a55 2*224

#define GK_QDOT_SDOT

#include "gk_qdot_neon_tq2_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_tq2_0_2, 66

#endif
