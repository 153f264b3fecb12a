// gk_qdot_neondot_iq3_s_2 -- rows of IQ3_S by one row of x.                                            NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 7) + 50 slots, 154 cycles    16 * (4 + 7) + 50 slots, 114.5 cycles
//   Neoverse V1, four pipes    80.5 cycles                            60.5 cycles
//   Cortex-A55, in order       518 cycles                             456 cycles
//
// mca: neoverse-n1 2*154
// mca: neoverse-v1 2*80.5
// mca: cortex-a55 2*518

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq3_s.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq3_s_2, 110

#endif
