// gk_qdot_neondot_q3_k_2 -- rows of Q3_K by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                               one
//   Neoverse N1                16 * (9 + 2.5) + 35 slots, 109.5 cycles    16 * (4 + 2.5) + 35 slots, 69.5 cycles
//   Neoverse V1, four pipes    54 cycles                                  34 cycles
//   Cortex-A55, in order       280 cycles                                 224 cycles
//
// mca: neoverse-n1 2*109.5
// mca: neoverse-v1 2*54
// mca: cortex-a55 2*280

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q3_k.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q3_k_2, 110

#endif
