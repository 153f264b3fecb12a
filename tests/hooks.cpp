// The hooks, and what tests see of the library that its API does not show. SPDX-License-Identifier: MIT
#define GLLM_KERNELS_ONLY_PASS dispatch
#define GLLM_KERNELS_IMPLEMENTATION
#include "implementation.hpp"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

namespace test {

static std::atomic<long> alive, ever, overrun;
static std::atomic<long> left{ -1 };                            // allocations that succeed; negative: all

static std::atomic<size_t> l2{ 0 };

// ... | what malloc gave | size | the block, at 16 mod 32 | a fence: as wide as the block itself if that is not much, so that all of an
//                                                           overrun lands on it |
enum : size_t { HEAD = 48 };
static size_t fence_of(size_t bytes) { return bytes < 64 ? 64 : bytes < 1 << 20 ? bytes : 1 << 20; }

void* hooked_malloc(size_t bytes) {
    if (left == 0 || bytes > SIZE_MAX / 2) return nullptr;
    if (left > 0) left--;
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
void fail_allocations(bool fail)  { left = fail ? 0 : -1; }
void fail_allocations_after(long count) { left = count; }

size_t l2_bytes()                 { return l2 ? size_t(l2) : size_t(512) << 10; }
void   set_l2_bytes(size_t bytes) { l2 = bytes; }

} // namespace test

// ---- assembly kernels ---------------------------------------------------------

namespace test {

using namespace gllm::impl;

/// The formats of the leaf that uses a kernel of rows of codes, or of strips.
static const void* leaf_of(const AsmKernel<DotRows>& row) {
    for (const Variant& v : variants) {
        const FormatKernels& f = v.tables.f32->formats[row.kind];
        if (f.dots == row.run || f.strips == row.run) return v.tables.f32->formats;
    }
    return nullptr;
}
template <class F> static const void* leaf_of(const AsmKernel<F>&) { return nullptr; }

/// May this process use what the CPU has?
static bool lent(bool gllm::CpuFeatures::* needs) {
    const bool tiles = needs == &gllm::CpuFeatures::amx_bf16 || needs == &gllm::CpuFeatures::amx_int8;
#if defined(GLLM_KERNELS_ASM) && defined(__x86_64__) && defined(__linux__)
    return !tiles || tiles_allowed();
#else
    return !tiles;
#endif
}

template <class F, size_t n> static void add(std::vector<Kernel>& all, const char* table, const AsmKernel<F> (&rows)[n]) {
    for (const AsmKernel<F>& row : rows) {
        bool known = !row.run;
        for (const Kernel& k : all) known |= strcmp(k.name, row.name) == 0;
        if (known) continue;
        const bool present = gllm::cpu_features().*row.needs && lent(row.needs);
        all.push_back({ table, row.name, reinterpret_cast<void (*)()>(row.run), present, row.rows, row.columns, row.kind, leaf_of(row) });
    }
}

std::vector<Kernel> kernels(const char* table) {
    std::vector<Kernel> all, of_table;
#define ADD(rows) add(all, #rows, rows)
    ADD(gemm_tiles);
    ADD(digit_tiles);
    ADD(codes_tiles);
    ADD(dot_rows);
    ADD(strip_rows);
#if defined(GLLM_KERNELS_ASM) && defined(__x86_64__)
    ADD(byte_tiles);
    ADD(term_tiles);
    ADD(tile_switches);
#endif
#undef ADD
    for (const Kernel& k : all)
        if (strcmp(k.table, table) == 0) of_table.push_back(k);
    return of_table;
}

static const FormatKernels& format_of(const Kernel& kernel) { return static_cast<const FormatKernels*>(kernel.formats)[kernel.kind]; }

size_t strip_bytes(const Kernel& kernel) { return format_of(kernel).packed->bytes; }
void pack_strip(const Kernel& kernel, const uint8_t* weights, size_t stride, size_t rows, size_t blocks, uint8_t* strip) {
    format_of(kernel).packed->pack(weights, stride, rows, blocks, strip);
}
void unpack_strip(const Kernel& kernel, const uint8_t* strip, size_t blocks, uint8_t* weights, size_t stride, size_t rows) {
    format_of(kernel).packed->unpack(strip, blocks, weights, stride, rows);
}
size_t bytes_for_strips(const Kernel& kernel, size_t k, size_t digits) { return format_of(kernel).packed->prepared_bytes(k, digits); }
bool prepare_for_strips(const Kernel& kernel, const float* x, size_t k, size_t digits, uint8_t* prepared) {
    return format_of(kernel).packed->prepare(x, k, digits, prepared);
}
void (*twin_of_strips(const Kernel& kernel))() { return reinterpret_cast<void (*)()>(format_of(kernel).packed->twin); }

size_t row_bytes(const Kernel& kernel, size_t k) { return k / format_of(kernel).block_weights * format_of(kernel).block_bytes; }
const void* codebook(const Kernel& kernel) { return format_of(kernel).codebook; }
size_t prepared_bytes(const Kernel& kernel, size_t k, size_t digits) { return format_of(kernel).by_codes->prepared_bytes(k, digits); }
void prepare(const Kernel& kernel, const float* x, size_t k, size_t digits, uint8_t* prepared) {
    format_of(kernel).by_codes->prepare(x, k, digits, prepared);
}
void twin_of_dots(const Kernel& kernel, const uint8_t* weights, size_t rows, const float* x, size_t k, const uint8_t* prepared,
                  size_t digits, float* y) {
    FormatKernels twin = format_of(kernel);
    twin.dots = nullptr;
    twin.rows_by_codes({ &twin, weights, k / twin.block_weights * twin.block_bytes, rows, x, 1, k, y, rows, prepared, digits });
}

} // namespace test
