// gk_qdot_avx512vnni_gptq4_4 -- rows of GPTQ4 by one row of x.                              AVX-512 F, VL, BW, DQ, VNNI
//
//   The format, and what is its own: gk_qdot_avx512vnni_awq4.h.
//
//   256 of four rows: micro-operations of vectors 11.5 a step of 64 codes for three digits and 7.5 for one, and 19 for
//   two rows of scales, 9 besides: 231 and 167.
//   On Zen 4, where those of 512 bits take two cycles of a pipe: 156 cycles and 91 cycles.
//
// mca: znver4 1*156

#include "gk_qdot_avx512vnni_awq4.h"
#ifdef __x86_64__

GK_CONST gk_qdot_avx512vnni_gptq4_data
    CONSTANTS

GK_QDOT_FUNC gk_qdot_avx512vnni_gptq4_4, 144

#endif
