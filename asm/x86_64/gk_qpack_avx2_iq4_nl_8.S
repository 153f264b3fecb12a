// gk_qpack_avx2_iq4_nl_8 -- strips of IQ4_NL by a few rows of x.                                         AVX2 FMA F16C
//
//   void gk_qpack_avx2_iq4_nl_8(struct DotJob* job);
//
//   The format, and what is its own: gk_qpack_avx2_iq4_nl.h. The job, x, and all other registers: gk_qpack_avx2.h.
//
//   64 of eight rows by one of x: 58 cycles for three digits.
//
// mca: skylake 1*58 1

#include "gk_qpack_avx2_iq4_nl.h"
#ifdef __x86_64__

GK_QPACK_FUNC gk_qpack_avx2_iq4_nl_8, FORMAT

#endif
