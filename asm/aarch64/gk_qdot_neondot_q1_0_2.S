// gk_qdot_neondot_q1_0_2 -- rows of Q1_0 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 3) + 14 slots, 103 cycles    16 * (4 + 3) + 14 slots, 63 cycles
//   Neoverse V1, four pipes    55.5 cycles                            35.5 cycles
//   Cortex-A55, in order       240 cycles                             176 cycles
//
// mca: neoverse-n1 2*103
// mca: neoverse-v1 2*55.5
// mca: cortex-a55 2*240

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q1_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q1_0_2, 36

#endif
