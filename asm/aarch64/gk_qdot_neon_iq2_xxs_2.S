// gk_qdot_neon_iq2_xxs_2 -- rows of IQ2_XXS by a few rows of x.                                                    NEON
//
//   void gk_qdot_neon_iq2_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq2_xxs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          188 cycles                          98
//
// mca: cortex-a72 2*188 2

#include "gk_qdot_neon_iq2_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq2_xxs_2, 66

#endif
