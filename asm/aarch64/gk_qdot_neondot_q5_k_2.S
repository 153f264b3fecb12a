// gk_qdot_neondot_q5_k_2 -- rows of Q5_K by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                             one
//   Neoverse N1                16 * (9 + 3) + 81 slots, 136.5 cycles    16 * (4 + 3) + 81 slots, 96.5 cycles
//   Neoverse V1, four pipes    68 cycles                                48 cycles
//   Cortex-A55, in order       353 cycles                               289 cycles
//
// mca: neoverse-n1 2*136.5
// mca: neoverse-v1 2*68
// mca: cortex-a55 2*353

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q5_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q5_k_2, 176

#endif
