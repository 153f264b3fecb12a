// gk_qdot_neondot_iq2_xs_2 -- rows of IQ2_XS by one row of x.                                          NEON dot product
//
//   A block of a row           three digits                           one
//   Neoverse N1                16 * (9 + 5) + 54 slots, 139 cycles    16 * (4 + 5) + 54 slots, 99 cycles
//   Neoverse V1, four pipes    72 cycles                              52 cycles
//   Cortex-A55, in order       403 cycles                             343 cycles
//
// mca: neoverse-n1 2*139
// mca: neoverse-v1 2*72
// mca: cortex-a55 2*403

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq2_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq2_xs_2, 74

#endif
