// What the programs of bench/ share: a clock, a median, memory, and R, the read bandwidth of the memory.
// SPDX-License-Identifier: MIT
#ifndef BENCH_MACHINE_HPP
#define BENCH_MACHINE_HPP

#include "gllm_kernels.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#define X86 1
#define TARGET(t) __attribute__((target(t)))
#else
#define X86 0
#define TARGET(t)
#endif

namespace machine {

constexpr size_t ROTATE = size_t(512) << 20;                    // distinct data to walk through

inline volatile float sink;

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

inline double median(std::vector<double> v) {
    if (v.empty()) return 0;
    std::sort(v.begin(), v.end());
    return v.size() % 2 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

template <class F> void on_all(const gllm::Parallel& parallel, F f) {
    if (parallel.run && parallel.width > 1)
        parallel.run(parallel.pool, parallel.width, [](void* arg, unsigned i) { (*static_cast<F*>(arg))(i); }, &f);
    else
        f(0u);
}

using Chunk = uint64_t __attribute__((vector_size(32)));
#define READ_STREAMS                                                                                            \
    Chunk sum[8] = {};                                                                                          \
    for (size_t i = 0; i < n / 8; i += 2) {                                                                     \
        _Pragma("GCC unroll 8") for (size_t s = 0; s < 8; s++) {                                                \
            __builtin_prefetch(p + s * (n / 8) + i + 64);                                                       \
            sum[s] += p[s * (n / 8) + i] ^ p[s * (n / 8) + i + 1];                                              \
        }                                                                                                       \
    }                                                                                                           \
    _Pragma("GCC unroll 8") for (size_t s = 1; s < 8; s++) sum[0] += sum[s];                                    \
    sink = float(sum[0][0] & 1);
TARGET("avx2") inline void read_avx2(const Chunk* p, size_t n) { READ_STREAMS }
inline void read_plain(const Chunk* p, size_t n) { READ_STREAMS }
#undef READ_STREAMS

/// Memory aligned to 64 bytes, rounded up to whole lines, every page touched.
struct Block {
    std::unique_ptr<unsigned char[]> raw;
    unsigned char* p = nullptr;
    size_t bytes = 0;
    explicit Block(size_t size) : raw(new unsigned char[size + 128]), bytes(size) {
        p = raw.get() + (64 - reinterpret_cast<uintptr_t>(raw.get()) % 64) % 64;
        memset(p, 0, size + 64);
    }
};

/// R in bytes/s: the next part of 512 MiB of its own, eight streams for each thread.
inline double read_bandwidth(const gllm::Parallel& parallel, bool quick = false) {
    static const Block block(ROTATE);
    static size_t at = 0;
    const size_t part = quick ? ROTATE / 16 : ROTATE / 4, each = part / parallel.width / 1024 * 1024;
    const unsigned char* p = block.p + at;
    at = (at + part) % ROTATE;
    auto read = read_plain;
#if X86
    if (gllm::cpu_features().avx2) read = read_avx2;
#endif
    const double start = now();
    on_all(parallel, [=](unsigned i) { read(reinterpret_cast<const Chunk*>(p + i * each), each / sizeof(Chunk)); });
    return double(each) * parallel.width / (now() - start);
}

} // namespace machine

#endif
