// gk_qpack_avx2_iq4_xs_8 -- strips of IQ4_XS by a few rows of x.                                         AVX2 FMA F16C
//
//   void gk_qpack_avx2_iq4_xs_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_iq4_xs.h. The job, x, and all other registers: gk_qpack_avx2.h.
//
//   64 of eight rows by one of x: 59 cycles for three digits.
//
// mca: skylake 1*59 1

#include "gk_qpack_avx2_iq4_xs.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_iq4_xs_8, FORMAT

#endif
