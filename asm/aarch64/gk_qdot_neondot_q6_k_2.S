#define GK_QDOT_SDOT
#include "gk_qdot_neon_q6_k.h"
#ifdef __aarch64__
GK_QDOT_FUNC gk_qdot_neondot_q6_k_2, 210
#endif
