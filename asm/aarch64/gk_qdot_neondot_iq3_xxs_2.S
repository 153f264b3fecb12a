// gk_qdot_neondot_iq3_xxs_2 -- rows of IQ3_XXS by one row of x.                                        NEON dot product
//
//   A block of a row           three digits                             one
//   Neoverse N1                16 * (9 + 7) + 36 slots, 147.5 cycles    16 * (4 + 7) + 36 slots, 106 cycles
//   Neoverse V1, four pipes    76.5 cycles                              56.5 cycles
//   Cortex-A55, in order       463 cycles                               401 cycles
//
// mca: neoverse-n1 2*147.5
// mca: neoverse-v1 2*76.5
// mca: cortex-a55 2*463

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq3_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq3_xxs_2, 98

#endif
