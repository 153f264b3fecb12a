// gk_qdot_neondot_iq4_nl_2 -- rows of IQ4_NL by one row of x.                                          NEON dot product
//
//   A block of a row           three digits                          one
//   Neoverse N1                16 * (9 + 2) + 12 slots, 94 cycles    16 * (4 + 2) + 12 slots, 54 cycles
//   Neoverse V1, four pipes    51 cycles                             31 cycles
//   Cortex-A55, in order       236 cycles                            180 cycles
//
// mca: neoverse-n1 2*94
// mca: neoverse-v1 2*51
// mca: cortex-a55 2*236

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq4_nl.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq4_nl_2, 144

#endif
