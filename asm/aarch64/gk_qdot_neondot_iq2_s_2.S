// gk_qdot_neondot_iq2_s_2 -- rows of IQ2_S by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 5) + 48 slots, 136 cycles    16 * (4 + 5) + 48 slots, 96 cycles
//   Neoverse V1, four pipes    71 cycles                              51 cycles
//   Cortex-A55, in order       407 cycles                             347 cycles
//
// mca: neoverse-n1 2*136
// mca: neoverse-v1 2*71
// mca: cortex-a55 2*407

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq2_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq2_s_2, 82

#endif
