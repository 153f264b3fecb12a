#define GK_QDOT_SDOT
#include "gk_qdot_neon_q4_0.h"
#ifdef __aarch64__
GK_QDOT_FUNC gk_qdot_neondot_q4_0_2, 144
#endif
