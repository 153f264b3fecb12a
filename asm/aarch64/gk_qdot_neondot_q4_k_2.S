// gk_qdot_neondot_q4_k_2 -- rows of Q4_K by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 2) + 70 slots, 123 cycles    16 * (4 + 2) + 70 slots, 83 cycles
//   Neoverse V1, four pipes    62 cycles                              42 cycles
//   Cortex-A55, in order       291 cycles                             227 cycles
//
// mca: neoverse-n1 2*123
// mca: neoverse-v1 2*62
// mca: cortex-a55 2*291

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q4_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q4_k_2, 144

#endif
