// gk_qdot_neondot_gptq4_2 -- rows of GPTQ4 by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 2) + 64 slots, 120 cycles    16 * (4 + 2) + 64 slots, 80 cycles
//   Neoverse V1, four pipes    59.5 cycles                            39.5 cycles
//   Cortex-A55, in order       285 cycles                             221 cycles
//
// mca: neoverse-n1 2*120
// mca: neoverse-v1 2*59.5
// mca: cortex-a55 2*285

#define GK_QDOT_SDOT

#include "gk_qdot_neon_awq4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_gptq4_2, 144

#endif
