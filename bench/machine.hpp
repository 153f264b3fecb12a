// What the programs of bench/ share: a clock, a median, memory, R, the read bandwidth of the memory, and F, the
// multiply-add peak of an instruction set.
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
#elif defined(__aarch64__)
#include <arm_neon.h>
#define X86 0
#define TARGET(t)
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

// n steps of `chains` independent multiply-adds
#define FMA_CHAINS(V, chains, set, fma, add)                                                                    \
    V a[chains];                                                                                                \
    const V x = set(0.999f), y = set(0.25f);                                                                    \
    _Pragma("GCC unroll 24") for (int j = 0; j < chains; j++) a[j] = set(float(j));                             \
    for (size_t i = 0; i < n; i++) {                                                                            \
        _Pragma("GCC unroll 24") for (int j = 0; j < chains; j++) a[j] = fma(a[j], x, y);                       \
    }                                                                                                           \
    _Pragma("GCC unroll 24") for (int j = 1; j < chains; j++) a[0] = add(a[0], a[j]);                           \
    sink = a[0][0];
#if X86
TARGET("avx512f")  inline void fma_avx512(size_t n) { FMA_CHAINS(__m512, 24, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps) }
TARGET("avx2,fma") inline void fma_avx2(size_t n)   { FMA_CHAINS(__m256, 12, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps) }
#endif
#ifdef __aarch64__
#define FMA(a, x, y) vfmaq_f32(y, a, x)
inline void fma_neon(size_t n) { FMA_CHAINS(float32x4_t, 24, vdupq_n_f32, FMA, vaddq_f32) }
#undef FMA
#endif
// the scalar one is a product and a sum, as wide as the compiler's baseline
#if defined(__SSE__) || defined(__ARM_NEON)
constexpr int WIDE = 4;
#else
constexpr int WIDE = 1;
#endif
using Wide = float __attribute__((vector_size(4 * WIDE)));
#define SET(v) Wide{} + (v)
#define FMA(a, x, y) (a) * (x) + (y)
#define ADD(a, b) (a) + (b)
inline void fma_scalar(size_t n) { FMA_CHAINS(Wide, 12, SET, FMA, ADD) }
#undef SET
#undef FMA
#undef ADD
#undef FMA_CHAINS

/// flop/s of loop(n), of `flops` a step, over all threads, which a shorter one wakes.
inline double peak_of(void (*loop)(size_t), double flops, size_t n, const gllm::Parallel& parallel) {
    if (parallel.width > 1) n *= 20;
    on_all(parallel, [=](unsigned) { loop(n / 4); });
    const double start = now();
    on_all(parallel, [=](unsigned) { loop(n); });
    return flops * double(n) * parallel.width / (now() - start);
}

/// F of one instruction set, in flop/s; 0 where it cannot be measured.
inline double fma_peak(gllm::Isa isa, const gllm::Parallel& parallel) {
#if X86
    if (isa == gllm::Isa::avx512) return peak_of(fma_avx512, 24 * 32, 10000, parallel);
    if (isa == gllm::Isa::avx2)   return peak_of(fma_avx2, 12 * 16, 10000, parallel);
#elif defined(__aarch64__)
    if (isa == gllm::Isa::neon)   return peak_of(fma_neon, 24 * 8, 10000, parallel);
#endif
    return isa == gllm::Isa::scalar ? peak_of(fma_scalar, 12 * 2 * WIDE, 10000, parallel) : 0;
}

} // namespace machine

#endif
