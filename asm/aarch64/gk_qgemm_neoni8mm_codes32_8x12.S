// gk_qgemm_neoni8mm_codes32_8x12 -- t[rows][12] = x times codes, rows up to 8, 32 of k to a scale.  NEON int8 matrix multiply
//
//   A digit of a group, eight rows: 96 smmla, 24 (mov, fsub, fmla, vector stored) and a dup on 4 pipes = 49 cycles.
//
// mca: neoverse-v1 1*49
// mca: neoverse-v2 1*49
// mca: neoverse-n2 2*49

#include "gk_qgemm_neoni8mm_codes.h"
#ifdef __aarch64__

GK_CODES_FUNC gk_qgemm_neoni8mm_codes32_8x12, 32

#endif
