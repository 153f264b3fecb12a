// The library under test. The build includes it once per pass, in a file each; that of the dispatch is hooks.cpp.
// GLLM_KERNELS_EMULATE and GLLM_KERNELS_ASM come from there. SPDX-License-Identifier: MIT
#include "hooks.hpp"
#include "kernels.hpp"

#define GLLM_KERNELS_MALLOC(bytes) test::hooked_malloc(bytes)
#define GLLM_KERNELS_FREE(p)       test::hooked_free(p)
#define GLLM_KERNELS_L2_BYTES      test::l2_bytes()
#define GLLM_KERNELS_COMPILER
#define GLLM_KERNELS_MODEL
#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "../gllm_kernels.hpp"
