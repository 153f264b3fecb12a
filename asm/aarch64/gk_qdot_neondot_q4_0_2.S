// gk_qdot_neondot_q4_0_2 -- rows of Q4_0 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                            one
//   Neoverse N1                16 * (9 + 1.5) + 14 slots, 91 cycles    16 * (4 + 1.5) + 14 slots, 51 cycles
//   Neoverse V1, four pipes    46 cycles                               26 cycles
//   Cortex-A55, in order       230 cycles                              166 cycles
//
// mca: neoverse-n1 2*91
// mca: neoverse-v1 2*46
// mca: cortex-a55 2*230

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q4_0.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q4_0_2, 144

#endif
