// gk_qgemm_avx2_codes16_6x16 -- t[rows][16] = x times codes, rows up to 6, 16 of k to a scale.               AVX2 FMA
//
//   A digit of a group, six rows: 48 dot products of two multiplications each, 12 conversions and 12 FMA on 2 ports, at
//   least 60; a group besides: 12 products and 12 FMA. Budget for a digit, all ports: 68 cycles.
//
// mca: skylake 1*68

#include "gk_qgemm_avx2_codes.h"
#ifdef __x86_64__

GK_CODES_FUNC gk_qgemm_avx2_codes16_6x16, 4

#endif
