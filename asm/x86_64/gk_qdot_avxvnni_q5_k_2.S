#define GK_QDOT_VNNI
#include "gk_qdot_avx2_q5_k.h"
#ifdef __x86_64__
GK_QDOT_FUNC gk_qdot_avxvnni_q5_k_2, 176
#endif
