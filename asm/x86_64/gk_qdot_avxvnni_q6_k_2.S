#define GK_QDOT_VNNI
#include "gk_qdot_avx2_q6_k.h"
#ifdef __x86_64__
GK_QDOT_FUNC gk_qdot_avxvnni_q6_k_2, 210
#endif
