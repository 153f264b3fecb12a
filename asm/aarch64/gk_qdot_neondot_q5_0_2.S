// gk_qdot_neondot_q5_0_2 -- rows of Q5_0 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                             one
//   Neoverse N1                16 * (9 + 3.5) + 12 slots, 106 cycles    16 * (4 + 3.5) + 12 slots, 66 cycles
//   Neoverse V1, four pipes    57 cycles                                37 cycles
//   Cortex-A55, in order       268 cycles                               212 cycles
//
// mca: neoverse-n1 2*106
// mca: neoverse-v1 2*57
// mca: cortex-a55 2*268

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q5_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q5_0_2, 176

#endif
