// gk_qgemm_avxvnni_codes16_6x16 -- t[rows][16] = x times codes, rows up to 6, 16 of k to a scale.    AVX2 FMA AVX-VNNI
//
//   A digit of a group, six rows: 48 dot products, 12 conversions and 12 FMA on 2 ports = 36 cycles; a group besides: 12
//   products and 12 FMA.
//
// mca: alderlake 1*36

#define GK_CODES_VNNI

#include "gk_qgemm_avx2_codes.h"
#ifdef __x86_64__

GK_CODES_FUNC gk_qgemm_avxvnni_codes16_6x16, 4

#endif
