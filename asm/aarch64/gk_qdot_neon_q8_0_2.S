#include "gk_qdot_neon_q8_0.h"
#ifdef __aarch64__
GK_QDOT_FUNC gk_qdot_neon_q8_0_2, 272
#endif
