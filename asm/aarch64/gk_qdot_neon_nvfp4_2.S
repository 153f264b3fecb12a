// gk_qdot_neon_nvfp4_2 -- rows of NVFP4 by a few rows of x.                                                        NEON
//
//   void gk_qdot_neon_nvfp4_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_nvfp4.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          162 cycles                          111
//
// mca: cortex-a72 2*162 2

#include "gk_qdot_neon_nvfp4.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_nvfp4_2, 144

#endif
