// gk_qgemm_avx512vnni_codes32_7x32 -- t[rows][32] = x times codes, rows up to 7, 32 of k to a scale.    AVX-512 F, VNNI
//
//   A digit of a group, seven rows: 112 dot products, 14 conversions and 14 FMA on 2 ports = 70 cycles; a group besides: 14
//   products and 14 FMA.
//
// mca: sapphirerapids 1*70*2

#include "gk_qgemm_avx512vnni_codes.h"
#ifdef __x86_64__

GK_CONST gk_qgemm_avx512vnni_codes32_data
L(base):
    .float  256

GK_CODES_FUNC gk_qgemm_avx512vnni_codes32_7x32, 8

#endif
