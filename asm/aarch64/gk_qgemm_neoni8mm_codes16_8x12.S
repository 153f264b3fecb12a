// gk_qgemm_neoni8mm_codes16_8x12 -- t[rows][12] = x times codes, rows up to 8, 16 of k to a scale.  NEON int8 matrix multiply
//
//   A digit of a group, eight rows: 48 smmla, 24 (mov, fsub, fmla, vector stored) and a dup on 4 pipes = 37 cycles.
//
// mca: neoverse-v1 1*37
// mca: neoverse-v2 1*37
// mca: neoverse-n2 2*37

#include "gk_qgemm_neoni8mm_codes.h"
#ifdef __aarch64__

GK_CODES_FUNC gk_qgemm_neoni8mm_codes16_8x12, 16

#endif
