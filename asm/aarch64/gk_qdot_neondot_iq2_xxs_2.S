// gk_qdot_neondot_iq2_xxs_2 -- rows of IQ2_XXS by one row of x.                                        NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 5) + 40 slots, 132 cycles    16 * (4 + 5) + 40 slots, 92 cycles
//   Neoverse V1, four pipes    69.5 cycles                            49.5 cycles
//   Cortex-A55, in order       391 cycles                             329 cycles
//
// mca: neoverse-n1 2*132
// mca: neoverse-v1 2*69.5
// mca: cortex-a55 2*391

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq2_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq2_xxs_2, 66

#endif
