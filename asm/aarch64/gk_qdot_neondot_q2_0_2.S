// gk_qdot_neondot_q2_0_2 -- rows of Q2_0 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 3) + 12 slots, 102 cycles    16 * (4 + 3) + 12 slots, 62 cycles
//   Neoverse V1, four pipes    55 cycles                              35 cycles
//   Cortex-A55, in order       245 cycles                             189 cycles
//
// mca: neoverse-n1 2*102
// mca: neoverse-v1 2*55
// mca: cortex-a55 2*245

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q2_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q2_0_2, 72

#endif
