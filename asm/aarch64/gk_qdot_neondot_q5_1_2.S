// gk_qdot_neondot_q5_1_2 -- rows of Q5_1 by one row of x.                                              NEON dot product
//
//   A block of a row           three digits                               one
//   Neoverse N1                16 * (9 + 4.5) + 71 slots, 143.5 cycles    16 * (4 + 4.5) + 71 slots, 103.5 cycles
//   Neoverse V1, four pipes    75 cycles                                  55 cycles
//   Cortex-A55, in order       365 cycles                                 301 cycles
//
// mca: neoverse-n1 2*143.5
// mca: neoverse-v1 2*75
// mca: cortex-a55 2*365

#define GK_QDOT_SDOT

#include "gk_qdot_neon_q5_1.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_q5_1_2, 192

#endif
