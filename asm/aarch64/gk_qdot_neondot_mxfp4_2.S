// gk_qdot_neondot_mxfp4_2 -- rows of MXFP4 by a few rows of x.                                         NEON dot product
//
//   void gk_qdot_neondot_mxfp4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_mxfp4.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         70 cycles                           37
//   Neoverse V1         38 cycles                           19
//   Cortex-A55          220 cycles                          106
//
// mca: neoverse-n1 2*70 2
// mca: neoverse-v1 2*38 2
// mca: cortex-a55 2*220 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_mxfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_mxfp4_2, 136

#endif
