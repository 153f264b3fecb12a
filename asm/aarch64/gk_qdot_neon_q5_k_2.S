#include "gk_qdot_neon_q5_k.h"
#ifdef __aarch64__
GK_QDOT_FUNC gk_qdot_neon_q5_k_2, 176
#endif
