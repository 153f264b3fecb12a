// gk_qgemm_neondot_codes16_8x12 -- t[rows][12] = x times codes, rows up to 8, 16 of k to a scale.        NEON dot product
//
//   A digit of a group, eight rows: 96 sdot, 24 (mov, fsub, fmla, vector stored) and a dup on 2 pipes = 97 cycles.
//
// mca: neoverse-n1 1*97
// mca: neoverse-v1 1*97/2

#include "gk_qgemm_neondot_codes.h"
#ifdef __aarch64__

GK_CODES_FUNC gk_qgemm_neondot_codes16_8x12, 16

#endif
