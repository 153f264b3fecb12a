// gk_qpack_avx2_q8_0_8 -- strips of Q8_0 by a few rows of x.                                             AVX2 FMA F16C
//
//   void gk_qpack_avx2_q8_0_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_q8_0.h. The job, x, and all other registers: gk_qpack_avx2.h.
//   Sums of 16 bits: of three digits two products are at most 2 . 255 . 64 = 32640. Of one, |q| is multiplied with x by the
//   sign of q: 2 . 128 . 127, and no offset is to be taken.
//
//   64 of eight rows by one of x: 64 cycles for three digits.
//
// mca: skylake 1*64 1

#include "gk_qpack_avx2_q8_0.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_q8_0_8, FORMAT

#endif
