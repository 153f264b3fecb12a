// gk_qdot_neondot_q2_k_2 -- rows of Q2_K by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                            one
//   Neoverse N1                16 * (9 + 3) + 122 slots, 157 cycles    16 * (4 + 3) + 122 slots, 117 cycles
//   Neoverse V1, four pipes    78 cycles                               58 cycles
//   Cortex-A55, in order       388 cycles                              324 cycles
//
// mca: neoverse-n1 2*157
// mca: neoverse-v1 2*78
// mca: cortex-a55 2*388

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q2_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q2_k_2, 84

#endif
