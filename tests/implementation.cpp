// The one compiled copy of the library that every test program links. GLLM_KERNELS_EMULATE and
// GLLM_KERNELS_ASM come from the build. SPDX-License-Identifier: MIT
#include "hooks.hpp"

#define GLLM_KERNELS_MALLOC(bytes) test::hooked_malloc(bytes)
#define GLLM_KERNELS_FREE(p)       test::hooked_free(p)
#define GLLM_KERNELS_L2_BYTES      test::l2_bytes()
#define GLLM_KERNELS_IMPLEMENTATION
#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "../gllm_kernels.hpp"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

namespace test {

static std::atomic<long> alive, ever, overrun;
static std::atomic<bool> failing;

static std::atomic<size_t> l2{ 0 };

// ... | what malloc gave | size | the block, at 16 mod 32 | a fence: as wide as the block itself if that is not much, so that all of an
//                                                           overrun lands on it |
enum : size_t { HEAD = 48 };
static size_t fence_of(size_t bytes) { return bytes < 64 ? 64 : bytes < 1 << 20 ? bytes : 1 << 20; }

void* hooked_malloc(size_t bytes) {
    if (failing || bytes > SIZE_MAX / 2) return nullptr;
    unsigned char* const raw = static_cast<unsigned char*>(malloc(HEAD + bytes + fence_of(bytes) + 32));
    if (!raw) return nullptr;
    unsigned char* const block = raw + HEAD + (16 + 32 - (reinterpret_cast<uintptr_t>(raw) + HEAD) % 32) % 32;
    memcpy(block - 8, &bytes, sizeof bytes);
    memcpy(block - 16, &raw, sizeof raw);
    memset(block, 0xff, bytes);
    memset(block + bytes, 0xa7, fence_of(bytes));
    alive++, ever++;
    return block;
}

void hooked_free(void* p) {
    if (!p) return;
    unsigned char* const block = static_cast<unsigned char*>(p);
    unsigned char* raw;
    size_t         bytes;
    memcpy(&bytes, block - 8, sizeof bytes);
    memcpy(&raw, block - 16, sizeof raw);
    if (block[bytes] != 0xa7 || memcmp(block + bytes, block + bytes + 1, fence_of(bytes) - 1) != 0) overrun++;
    free(raw);
    alive--;
}

long allocations()                { return alive; }
long allocations_ever()           { return ever; }
long overruns()                   { return overrun; }
void fail_allocations(bool fail)  { failing = fail; }

size_t l2_bytes()                 { return l2 ? size_t(l2) : size_t(512) << 10; }
void   set_l2_bytes(size_t bytes) { l2 = bytes; }

} // namespace test
