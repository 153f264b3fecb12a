// bench: times every operation on every instruction set of this machine, and shows its error beside its speed.
// SPDX-License-Identifier: MIT
//
//   bench [--op NAME] [--isa LIST] [--elem f32,f16,bf16] [--shape 512x512x512] [--threads N] [--quick] [--json FILE]
//
// time        median of interleaved samples, the instruction sets in turn (and OpenBLAS, where it is installed)
// share       of F, the multiply-add peak of that instruction set, or of R, the read bandwidth of the memory (for rows of more
//             than 64 MiB): both measured beside the row
// vs scalar   median of the pairwise ratios; not taken where the scalar form would run for seconds
// err         largest error against double, relative to the largest result; for products, to the sum of |terms|. Decoding
//             is compared with the scalar instruction set's, and products with the double product of what that decodes
//
// An operation is one line of the table in rows().
#include "gllm_kernels.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#define TARGET(t) __attribute__((target(t)))
#else
#define TARGET(t)
#endif
#ifdef __ARM_NEON
#include <arm_neon.h>
#endif
#ifdef __linux__
#include <dlfcn.h>
#endif

using gllm::Isa;
using gllm::QuantType;
using gllm::Status;

namespace {

constexpr size_t STREAM = size_t(64) << 20;                     // a working set beyond this is memory's matter
constexpr size_t ROTATE = size_t(512) << 20;                    // distinct weights to stream through
constexpr Status OK = { gllm::Code::ok, "" };

struct Options {
    std::string op, isa, elem = "f32", shape, json;
    unsigned    threads = 1;
    bool        quick = false;
} options;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(std::vector<double> v) {
    if (v.empty()) return 0;
    std::sort(v.begin(), v.end());
    return v.size() % 2 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

bool listed(const std::string& list, const std::string& name) {
    return list.empty() || list == "all" || ("," + list + ",").find("," + name + ",") != std::string::npos;
}

// ---- the machine's own limits -----------------------------------------------

volatile float sink;

#if defined(__x86_64__) || defined(__i386__)
TARGET("avx512f") void fma_avx512(size_t n) {                   // 24 chains of 16 lanes
    __m512 a[24];
    const __m512 x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.25f);
#pragma GCC unroll 24
    for (int j = 0; j < 24; j++) a[j] = _mm512_set1_ps(float(j));
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 24
        for (int j = 0; j < 24; j++) a[j] = _mm512_fmadd_ps(a[j], x, y);
    }
    __m512 s = a[0];
#pragma GCC unroll 24
    for (int j = 1; j < 24; j++) s = _mm512_add_ps(s, a[j]);
    sink = _mm512_cvtss_f32(s);
}
TARGET("avx2,fma") void fma_avx2(size_t n) {                    // 12 chains of 8 lanes
    __m256 a[12];
    const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.25f);
#pragma GCC unroll 12
    for (int j = 0; j < 12; j++) a[j] = _mm256_set1_ps(float(j));
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < 12; j++) a[j] = _mm256_fmadd_ps(a[j], x, y);
    }
    __m256 s = a[0];
#pragma GCC unroll 12
    for (int j = 1; j < 12; j++) s = _mm256_add_ps(s, a[j]);
    sink = _mm256_cvtss_f32(s);
}
#endif
#ifdef __aarch64__
void fma_neon(size_t n) {                                       // 24 chains of 4 lanes
    float32x4_t a[24];
    const float32x4_t x = vdupq_n_f32(0.999f), y = vdupq_n_f32(0.25f);
#pragma GCC unroll 24
    for (int j = 0; j < 24; j++) a[j] = vdupq_n_f32(float(j));
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 24
        for (int j = 0; j < 24; j++) a[j] = vfmaq_f32(y, a[j], x);
    }
    float32x4_t s = a[0];
#pragma GCC unroll 24
    for (int j = 1; j < 24; j++) s = vaddq_f32(s, a[j]);
    sink = vaddvq_f32(s);
}
#endif
void fma_scalar(size_t n) {                                     // 12 chains of a product and a sum, as wide as the compiler's baseline
    typedef float Four __attribute__((vector_size(16)));
    Four a[12];
    const Four x = { 0.999f, 0.999f, 0.999f, 0.999f }, y = x / 4;
#pragma GCC unroll 12
    for (int j = 0; j < 12; j++) a[j] = x * float(j);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < 12; j++) a[j] = a[j] * x + y;
    }
    Four s = a[0];
#pragma GCC unroll 12
    for (int j = 1; j < 12; j++) s += a[j];
    sink = s[0];
}

/// Runs f(task) on all threads of the pool.
template <class F> void on_all(const gllm::Parallel& parallel, F f) {
    if (parallel.run && parallel.width > 1)
        parallel.run(parallel.pool, parallel.width, [](void* arg, unsigned i) { (*static_cast<F*>(arg))(i); }, &f);
    else
        f(0u);
}

/// F of one instruction set, in flop/s over all threads.
double fma_peak(Isa isa, const gllm::Parallel& parallel) {
    void (*loop)(size_t) = fma_scalar;
    double flops = 12 * 8;
#if defined(__x86_64__) || defined(__i386__)
    if (isa == Isa::avx512) loop = fma_avx512, flops = 24 * 32;
    if (isa == Isa::avx2) loop = fma_avx2, flops = 12 * 16;
#elif defined(__aarch64__)
    if (isa == Isa::neon) loop = fma_neon, flops = 24 * 8;
#endif
    const size_t n = 10000;
    on_all(parallel, [=](unsigned) { loop(n); });                // wakes the wide units
    const double start = now();
    on_all(parallel, [=](unsigned) { loop(n); });
    return flops * double(n) * parallel.width / (now() - start);
}

using Chunk = uint64_t __attribute__((vector_size(32)));
#define READ_STREAMS                                                                                            \
    Chunk sum[8] = {};                                                                                          \
    for (size_t i = 0; i < n / 8; i += 2)                                                                       \
        for (size_t s = 0; s < 8; s++) {                                                                        \
            __builtin_prefetch(p + s * (n / 8) + i + 64);                                                       \
            sum[s] += p[s * (n / 8) + i] ^ p[s * (n / 8) + i + 1];                                              \
        }                                                                                                       \
    for (size_t s = 1; s < 8; s++) sum[0] += sum[s];                                                            \
    sink = float(sum[0][0] & 1);
TARGET("avx2") void read_avx2(const Chunk* p, size_t n) { READ_STREAMS }
void read_plain(const Chunk* p, size_t n) { READ_STREAMS }
#undef READ_STREAMS

unsigned char* arena() {                                        // 512 MiB, touched, 64-byte aligned
    static unsigned char* const p = [] {
        auto* raw = static_cast<unsigned char*>(malloc(ROTATE + 64));
        if (!raw) { fprintf(stderr, "bench: out of memory\n"); exit(1); }
        raw += (64 - reinterpret_cast<uintptr_t>(raw) % 64) % 64;
        memset(raw, 1, ROTATE);
        return raw;
    }();
    return p;
}

/// R in bytes/s: the next slice of the arena, eight streams for each thread.
double read_bandwidth(const gllm::Parallel& parallel) {
    static size_t at = 0;
    const size_t slice = ROTATE / 4, each = slice / parallel.width / 1024 * 1024;
    const unsigned char* p = arena() + at;
    at = (at + slice) % ROTATE;
    bool wide = false;
#if defined(__x86_64__) || defined(__i386__)
    wide = gllm::cpu_features().avx2;
#endif
    const double start = now();
    on_all(parallel, [=](unsigned i) {
        const void* from = p + i * each;
        (wide ? read_avx2 : read_plain)(static_cast<const Chunk*>(from), each / sizeof(Chunk));
    });
    return double(each) * parallel.width / (now() - start);
}

// ---- OpenBLAS, if it is here ------------------------------------------------

struct Blas {
    void  (*sgemm)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int) = nullptr;
    void  (*sgemv)(int, int, int, int, float, const float*, int, const float*, int, float, float*, int) = nullptr;
    float (*sdot)(int, const float*, int, const float*, int) = nullptr;
    Blas() {
#ifdef __linux__
        void* lib = dlopen("libopenblas.so.0", RTLD_NOW);
        if (!lib) return;
        void (*threads)(int) = nullptr;
        get(lib, "openblas_set_num_threads", threads);
        if (threads) threads(int(options.threads));
        get(lib, "cblas_sgemm", sgemm);
        get(lib, "cblas_sgemv", sgemv);
        get(lib, "cblas_sdot", sdot);
#endif
    }
    template <class F> static void get(void* lib, const char* name, F& f) {
#ifdef __linux__
        void* p = dlsym(lib, name);
        memcpy(&f, &p, sizeof f);
#endif
    }
};
Blas& blas() { static Blas b; return b; }
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };

// ---- one case: an operation at one shape ------------------------------------

struct Want { double value, scale; };                           // scale: what the error is relative to; 0: |value|

template <class E> struct Work {
    using K = gllm::CpuKernels<E>;
    double flops = 0, bytes = 0;
    std::function<Status(const K&, size_t reps)> run;
    std::function<void(const K&)> prepare;                      // once for each instruction set, and before the error is taken
    std::function<void(size_t reps)> peer;                      // OpenBLAS
    std::function<double(size_t i)> got;                        // result i of the last run
    std::function<Want(size_t i)> want;
    size_t results = 0;
    bool   rotates = false;                                     // each call reads other weights
    std::shared_ptr<size_t> turn = std::make_shared<size_t>(0); // of the next call

    bool of_memory() const { return (rotates || bytes > double(STREAM)) && flops < 16 * bytes; }
};

/// Memory of one case, and its data: uniform in [-1, 1), from a block of 65521 numbers over and over.
template <class E> struct Case {
    size_t m = 0, n = 0, k = 0;                                 // as in the row's shape: n | m x n | m x n x k
    std::vector<std::unique_ptr<unsigned char[]>> store;
    uint64_t state = 88172645463325252ull;

    uint64_t bits() { state ^= state << 13; state ^= state >> 7; return state ^= state << 17; }
    double uniform() { return double(bits() >> 11) / 4503599627370496.0 - 1; }
    template <class T> T* memory(size_t count) {
        store.emplace_back(new unsigned char[count * sizeof(T) + 64]);
        unsigned char* p = store.back().get();
        void* aligned = p + (64 - reinterpret_cast<uintptr_t>(p) % 64) % 64;
        memset(aligned, 0, count * sizeof(T));
        return static_cast<T*>(aligned);
    }
    template <class T> T* draw(size_t count, double low = -1, double high = 1) {
        T* p = memory<T>(count);
        const size_t period = std::min<size_t>(count, 65521);
        for (size_t i = 0; i < period; i++) p[i] = gllm::Element<T>::from_f32(float(low + (uniform() + 1) / 2 * (high - low)));
        for (size_t i = period; i < count; i += period) memcpy(p + i, p, std::min(period, count - i) * sizeof(T));
        return p;
    }
    E* data(size_t count) { return draw<E>(count); }
    unsigned char* codes(size_t bytes) {
        auto* p = memory<unsigned char>(bytes);
        for (size_t i = 0; i < bytes; i++) p[i] = static_cast<unsigned char>(bits() >> 32);
        return p;
    }
};

double value(float v) { return double(v); }
double value(gllm::f16 v) { return double(gllm::Element<gllm::f16>::to_f32(v)); }
double value(gllm::bf16 v) { return double(gllm::Element<gllm::bf16>::to_f32(v)); }

/// A work whose run is f(kernels, turn), turn counting calls, and whose results are out[0 .. results).
template <class E, class T, class F> Work<E> work(double flops, double bytes, const T* out, size_t results, F f, std::function<Want(size_t)> want) {
    Work<E> w;
    w.flops = flops;
    w.bytes = bytes;
    w.run = [f, turn = w.turn](const gllm::CpuKernels<E>& k, size_t reps) {
        Status s = OK;
        for (size_t r = 0; r < reps && s; r++) {
            if constexpr (std::is_same<decltype(f(k, size_t(0))), Status>::value) s = f(k, (*turn)++);
            else f(k, (*turn)++);
        }
        return s;
    };
    w.got = [=](size_t i) { return value(out[i]); };
    w.want = want;
    w.results = results;
    return w;
}

// ---- the table --------------------------------------------------------------

template <class E> struct Row { std::string op; const char *shapes, *quick; std::function<Work<E>(Case<E>&)> make; };

const double PI = 3.14159265358979323846;
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu(double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / PI) * (x + 0.044715 * x * x * x))); }

template <class E> std::vector<Row<E>> rows() {
    using K = gllm::CpuKernels<E>;
    using C = Case<E>;
    using W = Work<E>;
    using Unary  = void (K::*)(const E*, E*, size_t) const;
    using Binary = void (K::*)(const E*, const E*, E*, size_t) const;
    using Sum    = E (K::*)(const E*, size_t) const;
    const double e = sizeof(E);
    const char *vectors = "4096,33554432", *vector = "4096";
    const char *products = "64x64x64,256x256x256,1024x1024x1024,512x4096x4096,8x4096x4096,17x1000x333", *product = "96x96x96";
    std::vector<Row<E>> t;

    const auto unary = [&](const char* op, Unary f, double flops, double (*truth)(double)) {
        t.push_back({ op, vectors, vector, [=](C& c) {
            const size_t n = c.n;
            const E* x = c.template draw<E>(n, -4, 4);
            E* out = c.template memory<E>(n);
            return work<E>(flops * double(n), 2 * e * double(n), out, n, [=](const K& k, size_t) { (k.*f)(x, out, n); },
                           [=](size_t i) { return Want{ truth(value(x[i])), 0 }; });
        } });
    };
    const auto binary = [&](const char* op, Binary f, double flops, double (*truth)(double, double)) {
        t.push_back({ op, vectors, vector, [=](C& c) {
            const size_t n = c.n;
            const E *x = c.data(n), *y = c.data(n);
            E* out = c.template memory<E>(n);
            return work<E>(flops * double(n), 3 * e * double(n), out, n, [=](const K& k, size_t) { (k.*f)(x, y, out, n); },
                           [=](size_t i) { return Want{ truth(value(x[i]), value(y[i])), 0 }; });
        } });
    };
    const auto reduction = [&](const char* op, Sum f, double flops, double (*term)(double), bool largest) {
        t.push_back({ op, vectors, vector, [=](C& c) {
            const size_t n = c.n;
            const E* x = c.data(n);
            E* out = c.template memory<E>(1);
            Want want = { largest ? term(value(x[0])) : 0, 0 };
            for (size_t i = 0; i < n; i++) {
                const double v = term(value(x[i]));
                want.value = largest ? std::max(want.value, v) : want.value + v;
                want.scale = largest ? 0 : want.scale + std::fabs(v);
            }
            return work<E>(flops * double(n), e * double(n), out, 1, [=](const K& k, size_t) { *out = (k.*f)(x, n); },
                           [=](size_t) { return want; });
        } });
    };
    // x[0 .. n) changes in place: f(k, x, other), truth(x before, other)
    const auto in_place = [&](const char* op, double flops, double streams, auto f, double (*truth)(double, double)) {
        t.push_back({ op, vectors, vector, [=](C& c) {
            const size_t n = c.n;
            const E *before = c.data(n), *y = c.data(n);
            E* x = c.template memory<E>(n);
            W w = work<E>(flops * double(n), streams * e * double(n), x, n, [=](const K& k, size_t) { f(k, x, y, n); },
                          [=](size_t i) { return Want{ truth(value(before[i]), value(y[i])), 0 }; });
            w.prepare = [=](const K&) { memcpy(static_cast<void*>(x), before, n * sizeof(E)); };
            return w;
        } });
    };

    t.push_back({ "vec_dot", "256,4096,33554432", vector, [=](C& c) {
        const size_t n = c.n;
        const E *x = c.data(n), *y = c.data(n);
        E* out = c.template memory<E>(1);
        Want want = { 0, 0 };
        for (size_t i = 0; i < n; i++) {
            const double v = value(x[i]) * value(y[i]);
            want.value += v;
            want.scale += std::fabs(v);
        }
        W w = work<E>(2 * double(n), 2 * e * double(n), out, 1, [=](const K& k, size_t) { *out = k.vec_dot(x, y, n); },
                      [=](size_t) { return want; });
        if constexpr (std::is_same<E, float>::value)
            if (blas().sdot) w.peer = [=](size_t reps) { while (reps--) sink = blas().sdot(int(n), x, 1, y, 1); };
        return w;
    } });
    binary("vec_add", &K::vec_add, 1, [](double x, double y) { return x + y; });
    binary("vec_sub", &K::vec_sub, 1, [](double x, double y) { return x - y; });
    binary("vec_mul", &K::vec_mul, 1, [](double x, double y) { return x * y; });
    in_place("vec_scale", 1, 2, [](const K& k, E* x, const E*, size_t n) { k.vec_scale(x, -1.0f, n); }, [](double x, double) { return -x; });
    in_place("vec_axpy", 2, 3, [](const K& k, E* x, const E* y, size_t n) { k.vec_axpy(x, 0.5f, y, n); },
             [](double x, double y) { return x + y / 2; });
    reduction("vec_sum", &K::vec_sum, 1, [](double x) { return x; }, false);
    reduction("vec_max", &K::vec_max, 1, [](double x) { return x; }, true);
    reduction("vec_sum_squares", &K::vec_sum_squares, 2, [](double x) { return x * x; }, false);

    unary("silu",       &K::silu,       4, [](double x) { return x * sigmoid(x); });
    unary("gelu",       &K::gelu,       8, gelu);
    unary("gelu_erf",   &K::gelu_erf,   4, [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); });
    unary("gelu_quick", &K::gelu_quick, 5, [](double x) { return x * sigmoid(1.702 * x); });
    unary("relu",       &K::relu,       1, [](double x) { return x > 0 ? x : 0; });
    unary("tanh",       &K::tanh,       1, [](double x) { return std::tanh(x); });
    unary("exp",        &K::exp,        1, [](double x) { return std::exp(x); });
    binary("swiglu",    &K::swiglu,     5, [](double x, double y) { return x * sigmoid(x) * y; });

    // ---- rows of numbers
    t.push_back({ "softmax", vectors, vector, [=](C& c) {
        const size_t n = c.n;
        const E* x = c.data(n);
        E* out = c.template memory<E>(n);
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += std::exp(value(x[i]));
        return work<E>(4 * double(n), 2 * e * double(n), out, n, [=](const K& k, size_t) { k.softmax(x, out, n); },
                       [=](size_t i) { return Want{ std::exp(value(x[i])) / sum, 0 }; });
    } });
    const auto norm = [&](const char* op, bool centred, const char* shapes, const char* quick) {
        t.push_back({ op, shapes, quick, [=](C& c) {
            const size_t m = c.m ? c.m : 1, n = c.n, all = m * n;
            const E *x = c.data(all), *a = c.data(n), *b = c.data(n);
            E* out = c.template memory<E>(all);
            const bool many = c.m != 0;
            auto truth = [=](size_t i) {
                const E* row = x + i / n * n;
                double mean = 0, var = 0;
                for (size_t j = 0; j < n; j++) mean += value(row[j]);
                mean = centred ? mean / double(n) : 0;
                for (size_t j = 0; j < n; j++) var += (value(row[j]) - mean) * (value(row[j]) - mean);
                const double z = (value(x[i]) - mean) / std::sqrt(var / double(n) + double(1e-5f)) * value(a[i % n]);
                return Want{ centred ? z + value(b[i % n]) : z, 0 };
            };
            return work<E>((centred ? 8 : 4) * double(all), (2 * double(all) + (centred ? 2 : 1) * double(n)) * e, out, all, [=](const K& k, size_t) {
                if (many) centred ? k.layer_norm_rows(x, a, b, out, m, n, 1e-5f) : k.rms_norm_rows(x, a, out, m, n, 1e-5f);
                else      centred ? k.layer_norm(x, a, b, out, n, 1e-5f) : k.rms_norm(x, a, out, n, 1e-5f);
            }, truth);
        } });
    };
    norm("rms_norm", false, vector, vector);
    norm("layer_norm", true, vector, vector);
    norm("rms_norm_rows", false, "512x4096", "16x4096");
    norm("layer_norm_rows", true, "512x4096", "16x4096");
    const auto rope = [&](const char* op, gllm::RopeStyle style, bool with_pos) {
        t.push_back({ op, "32x128", "32x128", [=](C& c) {
            const size_t heads = c.m, n = c.n, half = n / 2, all = heads * n, position = with_pos ? 3 : 0;
            const E* before = c.data(all);
            E *x = c.template memory<E>(all), *cosines = c.template memory<E>(4 * half), *sines = c.template memory<E>(4 * half);
            for (size_t i = 0; i < 4 * half; i++) {
                const double angle = double(i / half) * std::pow(1e4, -double(i % half) / double(half)) + 0.5;
                cosines[i] = gllm::Element<E>::from_f32(float(std::cos(angle)));
                sines[i] = gllm::Element<E>::from_f32(float(std::sin(angle)));
            }
            W w = work<E>(3 * double(all), 2 * e * double(all), x, all, [=](const K& k, size_t) {
                if (with_pos) k.rope_with_pos(x, cosines, sines, heads, n, position, style);
                else k.rope(x, cosines, sines, heads, n, style);
            }, [=](size_t i) {
                const bool pairs = style == gllm::RopeStyle::interleaved;
                const size_t at = i % n, j = pairs ? at / 2 : at % half, step = pairs ? 1 : half;
                const bool second = pairs ? at % 2 : at >= half;
                const double co = value(cosines[position * half + j]), si = value(sines[position * half + j]), v = value(before[i]);
                return Want{ second ? v * co + value(before[i - step]) * si : v * co - value(before[i + step]) * si, 1 };
            });
            w.prepare = [=](const K&) { memcpy(static_cast<void*>(x), before, all * sizeof(E)); };
            return w;
        } });
    };
    rope("rope", gllm::RopeStyle::interleaved, false);
    rope("rope_half", gllm::RopeStyle::half, false);
    rope("rope_with_pos", gllm::RopeStyle::interleaved, true);

    // ---- dense products
    t.push_back({ "gemv", "512x512,4096x4096", "512x512", [=](C& c) {
        const size_t m = c.m, n = c.n, copies = m * n * sizeof(E) * 2 > STREAM ? ROTATE / (m * n * sizeof(E)) + 1 : 1;
        const E *a = c.data(m * n * copies), *x = c.data(n);
        E* y = c.template memory<E>(m);
        W w = work<E>(2 * double(m * n), double(m * n) * e, y, m,
                      [=](const K& k, size_t turn) { k.gemv(a + turn % copies * (m * n), x, y, m, n); }, [=](size_t i) {
            Want want = { 0, 0 };
            for (size_t j = 0; j < n; j++) {
                const double v = value(a[i * n + j]) * value(x[j]);
                want.value += v;
                want.scale += std::fabs(v);
            }
            return want;
        });
        w.rotates = copies > 1;
        if constexpr (std::is_same<E, float>::value)
            if (blas().sgemv) w.peer = [=](size_t reps) {
                static size_t turn = 0;
                for (; reps--; turn++) blas().sgemv(ROW_MAJOR, PLAIN, int(m), int(n), 1, a + turn % copies * (m * n), int(n), x, 1, 0, y, 1);
            };
        return w;
    } });
    enum { TRANSPOSE = 1, BIAS = 2, ACT = 4, PACKED = 8, PACK = 16 };
    const auto gemm = [&](const char* op, int what) {
        t.push_back({ op, products, product, [=](C& c) {
            const size_t m = c.m, n = c.n, depth = c.k;
            const E *a = c.data(m * depth), *b = c.data(depth * n), *bias = c.data(n);
            E* out = c.template memory<E>(m * n);
            auto buffers = std::make_shared<std::vector<std::vector<unsigned char>>>(4);
            const auto pack = [=](const K& k) {
                auto& p = (*buffers)[size_t(k.isa())];
                p.resize(k.packed_b_bytes(n, depth) + 1);
                return what & TRANSPOSE ? k.pack_b_transposed(b, n, depth, p.data()) : k.pack_b(b, n, depth, p.data());
            };
            const auto act = gllm::Activation::relu;
            const double flops = what & PACK ? 0 : 2 * double(m) * double(n) * double(depth);
            W w = work<E>(flops, e * double((what & PACK ? 0 : m * depth + m * n) + depth * n * (what & PACK ? 2 : 1)), out, what & PACK ? 0 : m * n,
                          [=](const K& k, size_t) -> Status {
                const void* packed = (*buffers)[size_t(k.isa())].data();
                switch (what) {
                    case 0:                   return k.gemm(a, b, out, m, n, depth);
                    case BIAS:                return k.gemm_bias(a, b, bias, out, m, n, depth);
                    case BIAS | ACT:          return k.gemm_bias_act(a, b, bias, out, m, n, depth, act);
                    case TRANSPOSE:           return k.gemm_transposed_b(a, b, out, m, n, depth);
                    case PACKED:              return k.gemm_prepacked(a, packed, out, m, n, depth);
                    case PACKED | BIAS:       return k.gemm_bias_prepacked(a, packed, bias, out, m, n, depth);
                    case PACKED | BIAS | ACT: return k.gemm_bias_act_prepacked(a, packed, bias, out, m, n, depth, act);
                    default:                  return pack(k);
                }
            }, [=](size_t i) {
                const size_t r = i / n, j = i % n;
                Want want = { what & BIAS ? value(bias[j]) : 0, 0 };
                for (size_t l = 0; l < depth; l++) {
                    const double v = value(a[r * depth + l]) * value(b[what & TRANSPOSE ? j * depth + l : l * n + j]);
                    want.value += v;
                    want.scale += std::fabs(v);
                }
                if (what & ACT && want.value < 0) want.value = 0;
                return want;
            });
            if (what & PACKED) w.prepare = [=](const K& k) { pack(k); };
            if constexpr (std::is_same<E, float>::value)
                if (blas().sgemm && !(what & (BIAS | PACK))) w.peer = [=](size_t reps) {
                    const bool tr = what & TRANSPOSE;
                    while (reps--) blas().sgemm(ROW_MAJOR, PLAIN, tr ? TRANSPOSED : PLAIN, int(m), int(n), int(depth), 1, a, int(depth), b,
                                                int(tr ? depth : n), 0, out, int(n));
                };
            return w;
        } });
    };
    gemm("gemm", 0);
    gemm("gemm_bias", BIAS);
    gemm("gemm_bias_act", BIAS | ACT);
    gemm("gemm_transposed_b", TRANSPOSE);
    gemm("gemm_prepacked", PACKED);
    gemm("gemm_bias_prepacked", PACKED | BIAS);
    gemm("gemm_bias_act_prepacked", PACKED | BIAS | ACT);
    gemm("pack_b", PACK);
    gemm("pack_b_transposed", PACK | TRANSPOSE);

    // ---- block formats: weights are blocks of random bytes whose values are neither huge nor tiny
    const auto blocks = [](C& c, QuantType type, size_t count, unsigned char* to) {
        const size_t bytes = block_bytes(type), n = block_size(type), distinct = std::min<size_t>(count, 509);
        gllm::CpuKernels<float> scalar;
        (void)scalar.select(Isa::scalar);
        std::vector<float> w(n);
        for (size_t i = 0; i < distinct;) {
            for (size_t j = 0; j < bytes; j++) to[i * bytes + j] = static_cast<unsigned char>(c.bits() >> 32);
            if (!scalar.dequant(type, to + i * bytes, w.data(), n)) return false;
            float largest = 0;
            for (float v : w) largest = v == v ? std::max(largest, std::fabs(v)) : 1e30f;
            if (largest > 1e-3f && largest < 1e3f) i++;
        }
        for (size_t i = distinct; i < count; i += distinct) memcpy(to + i * bytes, to, std::min(distinct, count - i) * bytes);
        return true;
    };
    const auto product_of = [](const E* x, const float* w, size_t k, double scale) {
        Want want = { 0, 0 };
        for (size_t l = 0; l < k; l++) {
            const double v = value(x[l]) * double(w[l]) * scale;
            want.value += v;
            want.scale += std::fabs(v);
        }
        return want;
    };
    for (int i = 0; i < gllm::quant_type_count; i++) {
        const QuantType type = QuantType(i);
        std::string name = gllm::quant_name(type);
        for (char& ch : name) ch = ch >= 'A' && ch <= 'Z' ? char(ch - 'A' + 'a') : ch;
        t.push_back({ "dequant_" + name, "16384", "16384", [=](C& c) {
            const size_t n = c.n, count = n / block_size(type);
            auto* from = c.template memory<unsigned char>(count * block_bytes(type));
            float *out = c.template memory<float>(n), *truth = c.template memory<float>(n);
            if (!blocks(c, type, count, from)) return W{};
            gllm::CpuKernels<float> scalar;
            (void)scalar.select(Isa::scalar);
            (void)scalar.dequant(type, from, truth, n);
            return work<E>(double(n), double(count * block_bytes(type)) + 4 * double(n), out, n,
                           [=](const K& k, size_t) { return k.dequant(type, from, out, n); }, [=](size_t j) { return Want{ double(truth[j]), 0 }; });
        } });
        for (auto precision : { gllm::Precision::exact, gllm::Precision::fast }) {
            t.push_back({ "matmul_" + name + (precision == gllm::Precision::fast ? "_fast" : ""), "1x4096x4096,8x4096x4096,512x4096x4096", "1x256x2048",
                          [=](C& c) {
                const size_t m = c.m, n = c.n, depth = c.k, row = row_bytes(type, depth), bytes = n * row;
                if (!row || bytes > ROTATE) return W{};
                const size_t copies = depth * n < (size_t(1) << 22) || m > 16 ? 1 : ROTATE / bytes;
                unsigned char* from = copies > 1 ? arena() : c.template memory<unsigned char>(bytes);
                if (!blocks(c, type, copies * bytes / block_bytes(type), from)) return W{};
                const E* x = c.data(m * depth);
                E* out = c.template memory<E>(m * n);
                W w = work<E>(2 * double(m) * double(n) * double(depth), double(bytes), out, m * n, [=](const K& k, size_t turn) {
                    return k.matmul(type, from + turn % copies * bytes, x, out, m, n, depth, precision);
                }, [=](size_t j) {
                    gllm::CpuKernels<float> scalar;
                    (void)scalar.select(Isa::scalar);
                    std::vector<float> weights(depth);
                    (void)scalar.dequant(type, from + j % n * row, weights.data(), depth);
                    return product_of(x + j / n * depth, weights.data(), depth, 1);
                });
                w.rotates = copies > 1;
                return w;
            } });
        }
    }

    // ---- plain codes, one scale a row
    const auto plain = [&](const char* op, int width, bool matrix, auto f) {
        t.push_back({ op, matrix ? "8x4096x4096,512x4096x4096" : "4096", matrix ? "8x256x1024" : "4096", [=](C& c) {
            const size_t m = matrix ? c.m : 1, n = matrix ? c.n : 1, depth = matrix ? c.k : c.n, row = (depth * size_t(width) + 7) / 8;
            const unsigned char* from = c.codes(n * row);
            const E *x = c.data(m * depth), *scales = c.data(n);
            E* out = c.template memory<E>(m * n);
            return work<E>(2 * double(m) * double(n) * double(depth), double(n * row), out, m * n,
                           [=](const K& k, size_t) { return f(k, from, x, out, scales, m, n, depth); }, [=](size_t j) {
                std::vector<float> w(depth);
                for (size_t l = 0; l < depth; l++) {
                    const int byte = from[j % n * row + l * size_t(width) / 8], code = byte >> (l * size_t(width) % 8) & ((1 << width) - 1);
                    w[l] = float(width == 8 ? int(int8_t(byte)) : width == 4 ? code - 8 : width == 2 ? code - 2 : 2 * code - 1);
                }
                return product_of(x + j / n * depth, w.data(), depth, value(scales[j % n]));
            });
        } });
    };
    using B = const unsigned char*;
    plain("gemv_q8", 8, false, [](const K& k, B w, const E* x, E* y, const E* s, size_t, size_t, size_t n) { *y = k.gemv_q8(w, x, *s, n); return OK; });
    plain("gemv_q4", 4, false, [](const K& k, B w, const E* x, E* y, const E* s, size_t, size_t, size_t n) { *y = k.gemv_q4(w, x, *s, n); return OK; });
    plain("gemv_q2", 2, false, [](const K& k, B w, const E* x, E* y, const E* s, size_t, size_t, size_t n) { *y = k.gemv_q2(w, x, *s, n); return OK; });
    plain("gemv_q1", 1, false, [](const K& k, B w, const E* x, E* y, const E* s, size_t, size_t, size_t n) { *y = k.gemv_q1(w, x, *s, n); return OK; });
    plain("gemm_q8", 8, true, [](const K& k, B w, const E* x, E* y, const E* s, size_t m, size_t n, size_t d) { return k.gemm_q8(w, x, y, s, m, n, d); });
    plain("gemm_q4", 4, true, [](const K& k, B w, const E* x, E* y, const E* s, size_t m, size_t n, size_t d) { return k.gemm_q4(w, x, y, s, m, n, d); });

    // ---- checkpoints, groups of 128
    const auto checkpoint = [&](const char* op, bool awq, bool multiply) {
        t.push_back({ op, "1x4096x4096,64x4096x4096", "1x256x1024", [=](C& c) {
            const size_t m = c.m, n = c.n, depth = c.k, group = 128;
            const unsigned char *qweight = c.codes(n * depth / 2), *qzeros = c.codes(depth / group * n / 2);
            const auto* scales = c.template draw<gllm::f16>(depth / group * n, 0.005, 0.02);
            const E* x = c.data(m * depth);
            E* out = c.template memory<E>(m * n);
            float *dense = c.template memory<float>(n * depth), *truth = c.template memory<float>(n * depth);
            const auto zeros = gllm::GptqZeros::v1;
            gllm::CpuKernels<float> scalar;
            (void)scalar.select(Isa::scalar);
            const Status s = awq ? scalar.dequant_awq4(qweight, qzeros, scales, truth, n, depth, group)
                                 : scalar.dequant_gptq4(qweight, qzeros, scales, nullptr, truth, n, depth, group, zeros);
            if (!s) return W{};
            const double bytes = double(n * depth) * (0.5 + 2.5 / double(group));
            if (!multiply)
                return work<E>(double(n * depth), bytes + 4 * double(n * depth), dense, n * depth, [=](const K& k, size_t) {
                    return awq ? k.dequant_awq4(qweight, qzeros, scales, dense, n, depth, group)
                               : k.dequant_gptq4(qweight, qzeros, scales, nullptr, dense, n, depth, group, zeros);
                }, [=](size_t j) { return Want{ double(truth[j]), 0 }; });
            return work<E>(2 * double(m) * double(n) * double(depth), bytes, out, m * n, [=](const K& k, size_t) {
                return awq ? k.awq_matmul(qweight, qzeros, scales, x, out, m, n, depth, group)
                           : k.gptq_matmul(qweight, qzeros, scales, nullptr, x, out, m, n, depth, group, zeros);
            }, [=](size_t j) { return product_of(x + j / n * depth, truth + j % n * depth, depth, 1); });
        } });
    };
    checkpoint("awq_matmul", true, true);
    checkpoint("gptq_matmul", false, true);
    checkpoint("dequant_checkpoint_awq4", true, false);
    checkpoint("dequant_checkpoint_gptq4", false, false);
    return t;
}

// ---- measuring --------------------------------------------------------------

template <class E> double error_of(const Work<E>& w) {
    double worst = 0, scale = 0;
    const size_t samples = std::min<size_t>(w.results, options.quick ? 16 : 128);
    for (size_t s = 0; s < samples; s++) {
        const size_t i = w.results * s / samples + s % std::max<size_t>(w.results / samples, 1);
        const Want want = w.want(i);
        const double off = std::fabs(w.got(i) - want.value);
        worst = off == off ? std::max(worst, off) : HUGE_VAL;
        scale = std::max(scale, want.scale > 0 ? want.scale : std::fabs(want.value));
    }
    return worst == 0 ? 0 : worst / scale;
}

struct Result { std::string op, elem, shape, isa; double seconds, bytes, flops, share, vs_scalar, vs_peer, error; bool of_memory; };
std::vector<Result> results;

void print(const Result& r) {
    char share[32] = "-", ratio[32] = "-", peer[48] = "", time[32];
    const double t = r.seconds;
    snprintf(time, sizeof time, t < 1e-5 ? "%.1f ns" : t < 1e-2 ? "%.2f us" : "%.2f ms", t * (t < 1e-5 ? 1e9 : t < 1e-2 ? 1e6 : 1e3));
    if (r.share > 0) snprintf(share, sizeof share, "%.1f%% %s", 100 * r.share, r.of_memory ? "R" : "F");
    if (r.vs_scalar > 0) snprintf(ratio, sizeof ratio, "%.2fx", r.vs_scalar);
    if (r.vs_peer > 0) snprintf(peer, sizeof peer, "   %.2fx OpenBLAS", r.vs_peer);
    printf("%-24s %-4s %-15s %-7s %11s %8.2f GB/s %9.2f GFLOP/s %9s %10s   err %.0e%s\n", r.op.c_str(), r.elem.c_str(), r.shape.c_str(),
           r.isa.c_str(), time, r.bytes / t * 1e-9, r.flops / t * 1e-9, share, ratio, r.error, peer);
    fflush(stdout);
}

/// All instruction sets on one case, sample by sample in turn.
template <class E> void measure(const std::string& op, const char* elem, const std::string& shape, const Work<E>& w, const gllm::Parallel& parallel) {
    const size_t pairs = options.quick ? 5 : 7;
    const double sample = options.quick ? 5e-4 : 2e-3, scalar_limit = options.quick ? 2e7 : 1e9;
    const bool of_memory = w.of_memory();
    struct Lane { gllm::CpuKernels<E> k; size_t reps; double error; bool shown; std::vector<double> seconds, share, vs_scalar, vs_peer; };
    std::vector<Lane> lanes;
    for (Isa isa : { Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon }) {
        const bool shown = listed(options.isa, gllm::isa_name(isa));
        if (gllm::isa_presence(isa) != gllm::Presence::native || (!shown && isa != Isa::scalar)) continue;
        if (isa == Isa::scalar && w.flops > scalar_limit) continue;
        Lane lane = { {}, 1, 0, shown, {}, {}, {}, {} };
        lane.k.parallel = parallel;
        if (!lane.k.select(isa)) continue;
        if (w.prepare) w.prepare(lane.k);
        *w.turn = 0;
        const Status s = w.run(lane.k, 1);
        if (!s) { printf("%-24s %-4s %-15s %-7s %s\n", op.c_str(), elem, shape.c_str(), gllm::isa_name(isa), s.what); continue; }
        lane.error = error_of(w);
        double start = now(), took = 0;
        for (lane.reps = 1; (took = (w.run(lane.k, lane.reps), now() - start)) < sample / 2 && lane.reps < 1u << 24; start = now()) lane.reps *= 2;
        lane.reps = std::max<size_t>(1, size_t(double(lane.reps) * sample / std::max(took, 1e-9)));
        lanes.push_back(lane);
    }
    size_t peer_reps = lanes.empty() ? 1 : lanes.back().reps;
    for (size_t p = 0; p < pairs; p++) {
        double scalar = 0, peer = 0;
        if (w.peer) {
            const double start = now();
            w.peer(peer_reps);
            peer = (now() - start) / double(peer_reps);
        }
        const double bandwidth = of_memory ? read_bandwidth(parallel) : 0;
        for (Lane& lane : lanes) {
            const double peak = of_memory ? bandwidth : fma_peak(lane.k.isa(), parallel), start = now();
            w.run(lane.k, lane.reps);
            const double t = (now() - start) / double(lane.reps);
            if (lane.k.isa() == Isa::scalar) scalar = t;
            lane.seconds.push_back(t);
            lane.share.push_back((of_memory ? w.bytes : w.flops) / t / peak);
            if (scalar > 0) lane.vs_scalar.push_back(scalar / t);
            if (peer > 0) lane.vs_peer.push_back(peer / t);
        }
    }
    for (const Lane& lane : lanes) {
        if (!lane.shown) continue;
        results.push_back({ op, elem, shape, gllm::isa_name(lane.k.isa()), median(lane.seconds), w.bytes, w.flops, median(lane.share),
                            median(lane.vs_scalar), median(lane.vs_peer), lane.error, of_memory });
        print(results.back());
    }
}

template <class E> void bench(const char* elem, const gllm::Parallel& parallel) {
    if (!listed(options.elem, elem)) return;
    const std::vector<Row<E>> table = rows<E>();
    bool exact = false, any = false;
    for (const Row<E>& row : table) exact |= row.op == options.op;
    for (const Row<E>& row : table) {
        if (exact ? row.op != options.op : row.op.find(options.op) == std::string::npos) continue;
        any = true;
        std::string shapes = options.quick ? row.quick : row.shapes;
        if (!options.shape.empty() && std::count(shapes.begin(), std::min(shapes.end(), std::find(shapes.begin(), shapes.end(), ',')), 'x')
                                      == std::count(options.shape.begin(), options.shape.end(), 'x')) shapes = options.shape;
        for (size_t at = 0; at < shapes.size(); at = shapes.find(',', at) == std::string::npos ? shapes.size() : shapes.find(',', at) + 1) {
            const std::string shape = shapes.substr(at, shapes.find(',', at) - at);
            size_t d[3] = {}, dims = 0;
            for (const char* from = shape.c_str(); dims < 3; from++) {
                char* end;
                d[dims++] = size_t(strtoull(from, &end, 10));
                if (*end != 'x') break;
                from = end;
            }
            Case<E> c;
            c.m = dims > 1 ? d[0] : 0;
            c.n = dims > 1 ? d[1] : d[0];
            c.k = d[2];
            if (!c.n || (dims == 3 && !c.k)) continue;
            const Work<E> w = row.make(c);
            if (w.run) measure(row.op, elem, shape, w, parallel);
        }
    }
    if (!any) fprintf(stderr, "bench: no operation has \"%s\" in its name\n", options.op.c_str());
}

bool write_json(const char* path) {
    FILE* f = fopen(path, "w");
    if (!f) return false;
    fprintf(f, "[");
    for (const Result& r : results)
        fprintf(f, "%s\n  {\"op\": \"%s\", \"elem\": \"%s\", \"shape\": \"%s\", \"isa\": \"%s\", \"seconds\": %.6g, \"bytes\": %.0f, \"flops\": %.0f, "
                "\"share\": %.4g, \"share_of\": \"%s\", \"vs_scalar\": %.4g, \"vs_openblas\": %.4g, \"error\": %.3g}", &r == &results[0] ? "" : ",",
                r.op.c_str(), r.elem.c_str(), r.shape.c_str(), r.isa.c_str(), r.seconds, r.bytes, r.flops, r.share, r.of_memory ? "R" : "F",
                r.vs_scalar, r.vs_peer, r.error);
    fprintf(f, "\n]\n");
    return fclose(f) == 0;
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; i++) {
        const std::string a = argv[i];
        const char* next = i + 1 < argc ? argv[i + 1] : nullptr;
        if (a == "--quick") { options.quick = true; continue; }
        std::string* text = a == "--op" ? &options.op : a == "--isa" ? &options.isa : a == "--elem" ? &options.elem
                          : a == "--shape" ? &options.shape : a == "--json" ? &options.json : nullptr;
        if ((text || a == "--threads") && next) {
            if (text) *text = next;
            else options.threads = unsigned(std::max(1, atoi(next)));
            i++;
            continue;
        }
        fprintf(stderr, "usage: bench [--op NAME] [--isa LIST] [--elem f32,f16,bf16] [--shape 512x512x512] [--threads N] [--quick] [--json FILE]\n");
        return 2;
    }
    gllm::ThreadPool pool(options.threads);
    const gllm::Parallel parallel = options.threads > 1 ? pool.parallel() : gllm::Parallel{};
    printf("# F (%s): %.1f GFLOP/s", gllm::isa_name(gllm::best_isa()), fma_peak(gllm::best_isa(), parallel) * 1e-9);
    if (!options.quick) printf("   R: %.1f GB/s", read_bandwidth(parallel) * 1e-9);
    printf("   threads: %u\n%-24s %-4s %-15s %-7s %11s %13s %17s %9s %10s\n", parallel.width, "op", "elem", "shape", "isa", "time", "memory",
           "compute", "share", "vs scalar");
    bench<float>("f32", parallel);
    bench<gllm::f16>("f16", parallel);
    bench<gllm::bf16>("bf16", parallel);
    if (!options.json.empty() && !write_json(options.json.c_str())) {
        fprintf(stderr, "bench: cannot write %s\n", options.json.c_str());
        return 1;
    }
    return results.empty();
}
