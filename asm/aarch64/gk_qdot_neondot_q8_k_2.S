// gk_qdot_neondot_q8_k_2 -- rows of Q8_K by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                         one
//   Neoverse N1                16 * (9 + 0) + 8 slots, 76 cycles    16 * (4 + 0) + 8 slots, 36 cycles
//   Neoverse V1, four pipes    38 cycles                            21 cycles
//   Cortex-A55, in order       196 cycles                           136 cycles
//
// mca: neoverse-n1 2*76
// mca: neoverse-v1 2*38
// mca: cortex-a55 2*196

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q8_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q8_k_2, 292

#endif
