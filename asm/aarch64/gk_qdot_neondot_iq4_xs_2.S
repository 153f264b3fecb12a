// gk_qdot_neondot_iq4_xs_2 -- rows of IQ4_XS by one row of x.                                          NEON dot product
//
//   A block of a row           three digits                            one
//   Neoverse N1                16 * (9 + 2) + 23 slots, 99.5 cycles    16 * (4 + 2) + 23 slots, 59.5 cycles
//   Neoverse V1, four pipes    54 cycles                               34 cycles
//   Cortex-A55, in order       235 cycles                              179 cycles
//
// mca: neoverse-n1 2*99.5
// mca: neoverse-v1 2*54
// mca: cortex-a55 2*235

#define GK_QDOT_SDOT

#include "gk_qdot_neon_iq4_xs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_iq4_xs_2, 136

#endif
