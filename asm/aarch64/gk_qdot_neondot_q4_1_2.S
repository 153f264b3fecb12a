// gk_qdot_neondot_q4_1_2 -- rows of Q4_1 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                             one
//   Neoverse N1                16 * (9 + 2.5) + 60 slots, 122 cycles    16 * (4 + 2.5) + 60 slots, 82 cycles
//   Neoverse V1, four pipes    61 cycles                                41 cycles
//   Cortex-A55, in order       308 cycles                               244 cycles
//
// mca: neoverse-n1 2*122
// mca: neoverse-v1 2*61
// mca: cortex-a55 2*308

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q4_1.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q4_1_2, 160

#endif
