// gk_qdot_neon_iq3_xxs_2 -- rows of IQ3_XXS by a few rows of x.                                                    NEON
//
//   void gk_qdot_neon_iq3_xxs_2(struct DotJob* job);
//
//   The format, and what is its own: gk_qdot_neon_iq3_xxs.h. The job, x, and all other registers: gk_qdot_neon.h.
//
//   A block of a row    by one row of x, of three digits    by each more
//   Cortex-A72          239 cycles                          98
//
// mca: cortex-a72 2*239 2

#include "gk_qdot_neon_iq3_xxs.h"
#ifdef __aarch64__

GK_QDOT_FUNC gk_qdot_neon_iq3_xxs_2, 98

#endif
