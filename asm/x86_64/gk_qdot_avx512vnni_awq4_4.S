// gk_qdot_avx512vnni_awq4_4 -- rows of AWQ4 by a few rows of x.                               AVX-512 F, VL, BW, DQ, VNNI
//
//   The format, and what is its own: gk_qdot_avx512vnni_awq4.h.
//
//   256 of four rows: 162 micro-operations of vectors for three digits, 114 for one. On Ice Lake 96 cycles.
//
// mca: icelake-server 1*96 2

#include "gk_qdot_avx512vnni_awq4.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_awq4_data
    CONSTANTS

GK_QDOT_FUNC gk_qdot_avx512vnni_awq4_4, 144, GROUPS

#endif
