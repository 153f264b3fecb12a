#include "gk_qdot_neon_q4_k.h"
#ifdef __aarch64__
GK_QDOT_FUNC gk_qdot_neon_q4_k_2, 144
#endif
