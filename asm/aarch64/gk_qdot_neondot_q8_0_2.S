// gk_qdot_neondot_q8_0_2 -- rows of Q8_0 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                    one
//   Neoverse N1                16 * 9 + 12 slots, 78 cycles    16 * 4 + 12 slots, 38 cycles
//   Neoverse V1, four pipes    39 cycles                       22 cycles
//   Cortex-A55, in order       209 cycles                      149 cycles
//
// mca: neoverse-n1 2*78
// mca: neoverse-v1 2*39
// mca: cortex-a55 2*209

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q8_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q8_0_2, 272

#endif
