// gk_qdot_neondot_nvfp4_2 -- rows of NVFP4 by a few rows of x.                                         NEON dot product
//
//   void gk_qdot_neondot_nvfp4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_nvfp4.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Neoverse N1         87 cycles                           50
//   Neoverse V1         46 cycles                           24
//   Cortex-A55          250 cycles                          135
//
// mca: neoverse-n1 2*87 2
// mca: neoverse-v1 2*46 2
// mca: cortex-a55 2*250 2

#define GK_QDOT_SDOT

#include "gk_qdot_neon_nvfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neondot_nvfp4_2, 144

#endif
