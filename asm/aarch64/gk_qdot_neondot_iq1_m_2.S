// gk_qdot_neondot_iq1_m_2 -- rows of IQ1_M by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 3) + 62 slots, 127 cycles    16 * (4 + 3) + 62 slots, 87 cycles
//   Neoverse V1, four pipes    66 cycles                              46 cycles
//   Cortex-A55, in order       397 cycles                             337 cycles
//
// mca: neoverse-n1 2*127
// mca: neoverse-v1 2*66
// mca: cortex-a55 2*397

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq1_m.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq1_m_2, 56

#endif
