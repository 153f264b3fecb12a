// generate: runs language models of GGUF files: writes, takes turns, measures, describes and quantises them.
// SPDX-License-Identifier: MIT

#define GLLM_KERNELS_IMPLEMENTATION
#define GLLM_KERNELS_MODEL
#define GLLM_KERNELS_THREADS
#include "gllm_kernels.hpp"
#include "generate.hpp"

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

int main(int argc, char** argv) {
#ifdef _WIN32
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    return generate::run(argc, argv, stdout, stderr);
}
