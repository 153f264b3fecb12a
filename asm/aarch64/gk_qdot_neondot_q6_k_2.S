// gk_qdot_neondot_q6_k_2 -- rows of Q6_K by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 3) + 28 slots, 110 cycles    16 * (4 + 3) + 28 slots, 70 cycles
//   Neoverse V1, four pipes    55 cycles                              35 cycles
//   Cortex-A55, in order       265 cycles                             201 cycles
//
// mca: neoverse-n1 2*110
// mca: neoverse-v1 2*55
// mca: cortex-a55 2*265

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q6_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q6_k_2, 210

#endif
