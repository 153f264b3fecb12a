// gk_qdot_neondot_iq1_s_2 -- rows of IQ1_S by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                             one
//   Neoverse N1                16 * (9 + 2.5) + 45 slots, 116 cycles    16 * (4 + 2.5) + 45 slots, 74.5 cycles
//   Neoverse V1, four pipes    56.5 cycles                              36.5 cycles
//   Cortex-A55, in order       361 cycles                               299 cycles
//
// mca: neoverse-n1 2*116
// mca: neoverse-v1 2*56.5
// mca: cortex-a55 2*361

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq1_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq1_s_2, 50

#endif
