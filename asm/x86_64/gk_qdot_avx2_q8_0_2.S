#include "gk_qdot_avx2_q8_0.h"
#ifdef __x86_64__
GK_QDOT_FUNC gk_qdot_avx2_q8_0_2, 272
#endif
