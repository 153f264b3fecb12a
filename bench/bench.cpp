// bench: times every operation on every instruction set of this machine, and shows its error beside its speed.
// SPDX-License-Identifier: MIT
//
// time        median of interleaved samples, the instruction sets in turn; what a row is compared with is timed beside each sample
// memory      bytes of operands and results; of weights for quantised products, of results for dequantisation
// share       of F, the multiply-add peak of that instruction set, or of R, the read bandwidth of the memory (rows that walk
//             through 512 MiB of distinct weights or vectors): both measured beside the row, on as many threads; - where there
//             is no loop to measure it with, and under an emulator, whose speed is its own
// vs scalar   median of the pairwise ratios; where the scalar form is shown too and does not run for long
// err         largest error against double, relative to the largest result; for products, to the sum of |terms|. Decoding
//             is compared with the scalar instruction set's, and products with the double product of what that decodes
// P           beside products that may go through AMX: the peak of its bf16 tiles. An f32 product of three bf16 terms a side takes
//             six of theirs. Shared machines have slow phases of this unit: such rows are the best third of three times the samples
// 2.10x Y     twice as fast as Y: OpenBLAS, a copy with the same traffic, the unpacked product, one thread
// time 2.1x Y twice the time of Y
//
// An operation is one line of the table in rows(). GLLM_KERNELS_ISA=avx512,-amx and the like narrow what is found.
#include "gllm_kernels.hpp"
#include "machine.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#ifdef __ARM_NEON
#include <arm_neon.h>
#endif
#ifdef __linux__
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__linux__) && defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 11)
#define TILES 1
#else
#define TILES 0
#endif

using gllm::Isa;
using gllm::Parallel;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;
using machine::Block;
using machine::median;
using machine::now;
using machine::on_all;
using machine::peak_of;
using machine::sink;

namespace {

constexpr size_t STREAM = size_t(64) << 20;                     // a working set beyond this is memory's matter
constexpr size_t ROTATE = machine::ROTATE;                        // distinct data to walk through, then
constexpr Status OK = { gllm::Code::ok, "" };

const char USAGE[] =
    "usage: bench [--op NAME] [--isa LIST] [--elem LIST] [--shape LIST] [--threads N] [--quick] [--json FILE]\n"
    "  --op NAME      the operation of that name, or all with NAME in theirs\n"
    "  --isa LIST     of instruction sets, such as scalar,avx2\n"
    "  --elem LIST    of f32,f16,bf16; without it f32, and a few products of the others\n"
    "  --shape LIST   such as 4096,512x512,512x4096x4096 (n, rows x n, m x n x k): only operations of as many sizes\n"
    "  --threads N    the operations that split, and what they gain over one thread\n"
    "  --quick        fewer shapes and samples\n"
    "  --emulator X   this runs under X: no shares, as no peak can be measured\n";

struct Options {
    std::string op, isa, elem, shape, json, emulator;
    unsigned    threads = 1;
    bool        quick = false;
} options;

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> items;
    for (size_t at = 0, end; at < list.size(); at = end + 1) {
        end = std::min(list.find(',', at), list.size());
        items.push_back(list.substr(at, end - at));
    }
    return items;
}
bool listed(const std::string& list, const std::string& name) {
    const auto items = split(list);
    return items.empty() || std::find(items.begin(), items.end(), name) != items.end();
}

/// 512x4096x4096 to sizes: how many there are, 0 if it is no shape.
size_t parse_shape(const std::string& text, size_t (&sizes)[3]) {
    const char* at = text.c_str();
    for (size_t i = 0; i < 3; i++) {
        char* end;
        sizes[i] = *at >= '1' && *at <= '9' ? size_t(strtoull(at, &end, 10)) : 0;
        if (!sizes[i] || (*end && *end != 'x')) return 0;
        if (!*end) return i + 1;
        at = end + 1;
    }
    return 0;
}

// ---- the machine's own limits -----------------------------------------------

#if TILES
TARGET("amx-tile,amx-bf16") void fma_tiles(size_t n) {          // 4 chains of 16 x 16 sums of 32 products
    alignas(64) unsigned char config[64] = { 1 };
    alignas(64) uint16_t ones[512];
    for (int i = 0; i < 8; i++) config[16 + 2 * i] = 64, config[48 + i] = 16;
    for (uint16_t& v : ones) v = 0x3f80;
    __asm__ volatile("" :: "r"(config), "r"(ones) : "memory");  // to memory, before instructions that gcc takes to read 8 bytes
    _tile_loadconfig(config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, ones, 64);
    _tile_loadd(5, ones, 64);
    _tile_loadd(6, ones, 64);
    _tile_loadd(7, ones, 64);
    for (size_t i = 0; i < n; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
}
#endif

/// F of one instruction set; 0 where it cannot be measured.
double fma_peak(Isa isa, const Parallel& parallel) {
    return options.emulator.empty() ? machine::fma_peak(isa, parallel) : 0;
}

/// P; 0 where there are no tiles, or no leave to use them.
double tile_peak(const Parallel& parallel) {
#if TILES && defined(GLLM_KERNELS_ASM)
    const long request = 0x1023, tile_data = 18;                // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool allowed = gllm::cpu_features().amx_bf16 && syscall(SYS_arch_prctl, request, tile_data) == 0;
    if (allowed && options.emulator.empty()) return peak_of(fma_tiles, 4 * 2 * 16 * 16 * 32, 1000, parallel);
#endif
    (void)parallel;
    return 0;
}

// out = a, having read b as well where there is one: the traffic of an operation without its work
using Line = uint64_t __attribute__((vector_size(64)));
volatile uint64_t no_bits = 0;
#define COPY_LINES                                                                                              \
    const Line none = Line{} + no_bits;                                                                         \
    if (b) for (size_t i = 0; i < n; i++) out[i] = a[i] ^ (b[i] & none);                                        \
    else   for (size_t i = 0; i < n; i++) out[i] = a[i] ^ none;
TARGET("avx512f") void copy_avx512(const Line* a, const Line* b, Line* out, size_t n) { COPY_LINES }
TARGET("avx2") void copy_avx2(const Line* a, const Line* b, Line* out, size_t n) { COPY_LINES }
void copy_plain(const Line* a, const Line* b, Line* out, size_t n) { COPY_LINES }
#undef COPY_LINES

void copy(const Parallel& parallel, const void* from, const void* also, void* to, size_t bytes) {
    static const auto lines = [] {
#if X86
        if (gllm::cpu_features().avx512) return copy_avx512;
        if (gllm::cpu_features().avx2) return copy_avx2;
#endif
        return copy_plain;
    }();
    const size_t all = (bytes + 63) / 64;
    on_all(parallel, [&](unsigned i) {
        const size_t at = all * i / parallel.width, end = all * (i + 1) / parallel.width;
        const auto *a = static_cast<const Line*>(from), *b = static_cast<const Line*>(also);
        lines(a + at, b ? b + at : nullptr, static_cast<Line*>(to) + at, end - at);
    });
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

template <class E> using Run = std::function<Status(const gllm::CpuKernels<E>&, size_t reps)>;

/// What a row is compared with: by speed, or by time.
template <class E> struct Versus { const char* name; bool time; Run<E> run; };

template <class E> struct Work {
    double flops = 0, bytes = 0;
    Run<E> run;
    std::vector<Versus<E>> versus;
    std::function<void(const gllm::CpuKernels<E>&)> prepare;    // once for each instruction set, and before the error is taken
    std::function<double(size_t i)> got;                        // result i of call 0
    std::function<Want(size_t i)> want;
    size_t results = 0;
    double elements = 0;                                        // of an elementwise operation
    bool   memory = false;                                      // judged by R
    bool   tiles = false;                                       // may go through AMX
    std::shared_ptr<size_t> turn = std::make_shared<size_t>(0); // of the next call: picks its data
};

/// `copies` equal arrays: what consecutive calls walk through.
template <class T> struct Ring {
    T* p = nullptr;
    size_t stride = 0, copies = 1;
    T* at(size_t turn) const { return p + turn % copies * stride; }
};

/// Calls that take `bytes` in all, and how many of them it takes to leave the caches; 1 for what lives there.
size_t copies_of(size_t bytes) { return bytes > STREAM ? (ROTATE + bytes - 1) / bytes : 1; }
/// The same for products with m rows of input: a few rows stream the weights.
size_t copies_of(size_t m, size_t weights, size_t bytes) {
    return m <= 32 && weights >= size_t(1) << 22 ? (ROTATE + bytes - 1) / bytes : 1;
}

/// Memory of one case, and its data: uniform in [-1, 1), from a block of 65521 numbers over and over.
template <class E> struct Case {
    size_t m = 0, n = 0, k = 0;                                 // as in the row's shape: n | m x n | m x n x k
    std::vector<Block> store;
    uint64_t state = 88172645463325252ull;

    uint64_t bits() { state ^= state << 13; state ^= state >> 7; return state ^= state << 17; }
    double uniform() { return double(bits() >> 11) / 4503599627370496.0 - 1; }
    template <class T> T* memory(size_t count) {
        store.emplace_back(count * sizeof(T));
        return reinterpret_cast<T*>(store.back().p);
    }
    template <class T> T* draw(size_t count, double low = -1, double high = 1) {
        T* p = memory<T>(count);
        const size_t period = std::min<size_t>(count, 65521);
        for (size_t i = 0; i < period; i++) {
            if constexpr (std::is_same<T, unsigned char>::value) p[i] = static_cast<unsigned char>(bits() >> 32);
            else p[i] = gllm::Element<T>::from_f32(float(low + (uniform() + 1) / 2 * (high - low)));
        }
        for (size_t i = period; i < count; i += period) memcpy(p + i, p, std::min(period, count - i) * sizeof(T));
        return p;
    }
    E* data(size_t count) { return draw<E>(count); }
    template <class T = E> Ring<T> results(size_t count, size_t copies) {
        const size_t stride = (count + 63) / 64 * 64;
        return { memory<T>(stride * copies), stride, copies };
    }
    template <class T = E> Ring<T> ring(size_t count, size_t copies, double low = -1, double high = 1) {
        const size_t stride = (count + 63) / 64 * 64;
        return { draw<T>(stride * copies, low, high), stride, copies };
    }
};

double value(float v) { return double(v); }
double value(gllm::f16 v) { return double(gllm::Element<gllm::f16>::to_f32(v)); }
double value(gllm::bf16 v) { return double(gllm::Element<gllm::bf16>::to_f32(v)); }

/// sum a[i] b[i step] scale, and the sum of what it adds up.
template <class A, class B> Want dot(const A* a, const B* b, size_t n, size_t step = 1, double scale = 1) {
    Want want = { 0, 0 };
    for (size_t i = 0; i < n; i++) {
        const double v = value(a[i]) * value(b[i * step]) * scale;
        want.value += v;
        want.scale += std::fabs(v);
    }
    return want;
}

/// Calls f(kernels, turn), turn counting them, until one fails.
template <class E, class F> Run<E> calls(const Work<E>& w, F f) {
    return [f, turn = w.turn](const gllm::CpuKernels<E>& k, size_t reps) {
        Status s = OK;
        for (size_t r = 0; r < reps && s; r++) {
            if constexpr (std::is_same<decltype(f(k, size_t(0))), Status>::value) s = f(k, (*turn)++);
            else f(k, (*turn)++);
        }
        return s;
    };
}
/// A work of such calls whose results are out[0 .. results).
template <class E, class T, class F>
Work<E> work(double flops, double bytes, const T* out, size_t results, F f, std::function<Want(size_t)> want) {
    Work<E> w;
    w.flops = flops;
    w.bytes = bytes;
    w.run = calls(w, f);
    w.got = [=](size_t i) { return value(out[i]); };
    w.want = want;
    w.results = results;
    return w;
}
template <class E, class F> void compare(Work<E>& w, const char* name, F f, bool time = false) {
    w.versus.push_back({ name, time, calls(w, f) });
}
/// An elementwise work on n: its memory traffic is that of a copy of a, and of b where there is one, to out.
template <class E> void elementwise(Work<E>& w, size_t n, Ring<E> a, Ring<E> b, Ring<E> out) {
    w.elements = double(n);
    w.memory = out.copies > 1;
    compare(w, "copy", [=](const gllm::CpuKernels<E>& k, size_t turn) {
        copy(k.parallel, a.at(turn), b.p ? b.at(turn) : nullptr, out.at(turn), n * sizeof(E));
    }, !w.memory);
}
/// The unit a product of m rows is judged by.
template <class E> void product(Work<E>& w, size_t m, size_t n, size_t k, size_t copies) {
    w.memory = copies > 1 && m <= 8;
    w.tiles = m >= (std::is_same<E, gllm::bf16>::value ? 9 : 24) && n >= 64 && k >= 32;
}

/// Pages of a cache of keys and values.
struct Cache {
    gllm::CacheType type;
    size_t n, kv, d, row, pages, values, page_bytes;            // of a token of a head; of a page: where values begin, and all of it
    Cache(gllm::CacheType t, size_t n_, size_t kv_, size_t d_)
        : type(t), n(n_), kv(kv_), d(d_),
          row(t == gllm::CacheType::f32 ? 4 * d : t == gllm::CacheType::Q8_0 ? d / 32 * 34 : 2 * d),
          pages((n + 15) / 16), values((16 * kv * row + 63) / 64 * 64), page_bytes(2 * values) {}
    gllm::KvView view(const unsigned char* p, const uint32_t* table) const {
        gllm::KvView v;
        v.keys   = { p, type, 0, 0 };
        v.values = { p + values, type, 0, 0 };
        v.kv_heads = kv, v.head_dim = d, v.length = n, v.pages = table, v.page_stride = page_bytes;
        return v;
    }
    /// Random bytes to numbers of about 1: exponents of floats, scales of codes.
    void settle(unsigned char* p) const {
        const size_t bytes = pages * page_bytes;
        if (type == gllm::CacheType::f32)       for (size_t i = 3; i < bytes; i += 4) p[i] = (p[i] & 0x80) | 0x3e;
        else if (type == gllm::CacheType::f16)  for (size_t i = 1; i < bytes; i += 2) p[i] = (p[i] & 0x83) | 0x34;
        else if (type == gllm::CacheType::bf16) for (size_t i = 1; i < bytes; i += 2) p[i] = (p[i] & 0x80) | 0x3e;
        else for (size_t page = 0; page < pages; page++)
            for (size_t h = 0; h < kv; h++)
                for (size_t b = 0; b < d / 32 * 16; b++) {
                    unsigned char* const keys = p + page * page_bytes + h * 16 * row + 16 * d + 2 * b;
                    unsigned char* const value = p + page * page_bytes + values + h * 16 * row + 34 * b;
                    keys[1] = value[1] = 0x20;                  // 2^-7 and some
                }
    }
    double at(const unsigned char* p, size_t i) const {         // element i of floats at p
        float f;
        gllm::f16 h;
        gllm::bf16 b;
        switch (type) {
            case gllm::CacheType::f32: memcpy(&f, p + 4 * i, 4); return double(f);
            case gllm::CacheType::f16: memcpy(&h, p + 2 * i, 2); return value(h);
            default:                   memcpy(&b, p + 2 * i, 2); return value(b);
        }
    }
    double half(const unsigned char* p) const { gllm::f16 h; memcpy(&h, p, 2); return value(h); }
    double key(const unsigned char* p, size_t t, size_t h, size_t i) const {
        p += t / 16 * page_bytes + h * 16 * row;
        if (type != gllm::CacheType::Q8_0) return at(p, i * 16 + t % 16);
        return double(static_cast<signed char>(p[i * 16 + t % 16])) * half(p + 16 * d + 2 * (i / 32 * 16 + t % 16));
    }
    double val(const unsigned char* p, size_t t, size_t h, size_t i) const {
        p += t / 16 * page_bytes + values + (h * 16 + t % 16) * row;
        if (type != gllm::CacheType::Q8_0) return at(p, i);
        return double(static_cast<signed char>(p[i / 32 * 34 + 2 + i % 32])) * half(p + i / 32 * 34);
    }
    /// Element i of what a row of q makes of head h: relative to the largest value.
    template <class E> Want truth(const unsigned char* p, const E* q, size_t h, size_t i) const {
        std::vector<double> s(n);
        double most = -HUGE_VAL, sum = 0, all = 0, largest = 0;
        for (size_t t = 0; t < n; t++) {
            for (size_t j = 0; j < d; j++) s[t] += value(q[j]) * key(p, t, h, j);
            most = std::max(most, s[t] /= std::sqrt(double(d)));
        }
        for (size_t t = 0; t < n; t++) {
            const double e = std::exp(s[t] - most), v = val(p, t, h, i);
            sum += e * v;
            all += e;
            largest = std::max(largest, std::fabs(v));
        }
        return { sum / all, largest };
    }
};

// ---- the table --------------------------------------------------------------

struct Shapes { const char *full, *quick, *halves = ""; };      // halves: of f16 and bf16 when no element type is asked for

template <class E> struct Row {
    std::string op;
    Shapes shapes;
    bool splits;                                                // over threads
    std::function<Work<E>(Case<E>&)> make;
};

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
    constexpr bool f32 = std::is_same<E, float>::value;
    const double e = sizeof(E);
    const Shapes vectors = { "4096,33554432", "4096" };
    const Shapes dense   = { "16x16x16,32x32x32,64x64x64,100x100x100,128x128x128,129x129x129,256x256x256,512x512x512,1024x1024x1024,"
                             "2048x2048x2048,512x4096x4096,512x11008x4096,17x1000x333,8x4096x4096,32x4096x4096",
                             "64x64x64,512x512x512", "1024x1024x1024,512x4096x4096" };
    const Shapes fused   = { "256x256x256,512x4096x4096", "128x128x128" };
    const Shapes coded   = { "1x256x4096,1x4096x4096,2x4096x4096,3x4096x4096,4x4096x4096,8x4096x4096,16x4096x4096,512x4096x4096",
                             "1x4096x4096,512x1024x1024" };
    const Shapes packable = { "1x256x4096,4x256x4096,16x256x4096,1x4096x4096,4x4096x4096,16x4096x4096", "1x256x4096,1x4096x4096" };
    std::vector<Row<E>> t;

    // ---- vectors
    const auto unary = [&](const char* op, Unary f, double flops, double (*truth)(double)) {
        t.push_back({ op, vectors, false, [=](C& c) {
            const size_t n = c.n, copies = copies_of(2 * n * sizeof(E));
            const auto x = c.ring(n, copies, -4, 4), out = c.results(n, copies);
            W w = work<E>(flops * double(n), 2 * e * double(n), out.p, n,
                          [=](const K& k, size_t turn) { (k.*f)(x.at(turn), out.at(turn), n); },
                          [=](size_t i) { return Want{ truth(value(x.p[i])), 0 }; });
            elementwise(w, n, x, {}, out);
            return w;
        } });
    };
    const auto binary = [&](const char* op, Binary f, double flops, double (*truth)(double, double)) {
        t.push_back({ op, vectors, false, [=](C& c) {
            const size_t n = c.n, copies = copies_of(3 * n * sizeof(E));
            const auto x = c.ring(n, copies), y = c.ring(n, copies), out = c.results(n, copies);
            W w = work<E>(flops * double(n), 3 * e * double(n), out.p, n,
                          [=](const K& k, size_t turn) { (k.*f)(x.at(turn), y.at(turn), out.at(turn), n); },
                          [=](size_t i) { return Want{ truth(value(x.p[i]), value(y.p[i])), 0 }; });
            elementwise(w, n, x, y, out);
            return w;
        } });
    };
    // x[0 .. n) changes in place: f(k, x, y), truth(x before, y)
    const auto in_place = [&](const char* op, double flops, bool takes_y, auto f, double (*truth)(double, double)) {
        t.push_back({ op, vectors, false, [=](C& c) {
            const size_t n = c.n, streams = takes_y ? 3 : 2, copies = copies_of((streams - 1) * n * sizeof(E));
            const E* before = c.data(n);
            const auto x = c.results(n, copies), y = takes_y ? c.ring(n, copies) : Ring<E>{ x };
            W w = work<E>(flops * double(n), double(streams * n) * e, x.p, n,
                          [=](const K& k, size_t turn) { f(k, x.at(turn), y.at(turn), n); },
                          [=](size_t i) { return Want{ truth(value(before[i]), takes_y ? value(y.p[i]) : 0), 0 }; });
            w.prepare = [=](const K&) {
                for (size_t i = 0; i < copies; i++) memcpy(static_cast<void*>(x.at(i)), before, n * sizeof(E));
            };
            elementwise(w, n, x, takes_y ? y : Ring<E>{}, x);
            return w;
        } });
    };
    const auto reduction = [&](const char* op, Sum f, double flops, double (*term)(double), bool largest) {
        t.push_back({ op, vectors, false, [=](C& c) {
            const size_t n = c.n, copies = copies_of(n * sizeof(E));
            const auto x = c.ring(n, copies);
            E* out = c.template memory<E>(1);
            Want want = { largest ? term(value(x.p[0])) : 0, 0 };
            for (size_t i = 0; i < n; i++) {
                const double v = term(value(x.p[i]));
                want.value = largest ? std::max(want.value, v) : want.value + v;
                want.scale = largest ? 0 : want.scale + std::fabs(v);
            }
            W w = work<E>(flops * double(n), e * double(n), out, 1, [=](const K& k, size_t turn) { *out = (k.*f)(x.at(turn), n); },
                          [=](size_t) { return want; });
            w.elements = double(n);
            w.memory = copies > 1;
            return w;
        } });
    };

    t.push_back({ "vec_dot", { "256,4096,33554432", "4096" }, false, [=](C& c) {
        const size_t n = c.n, copies = copies_of(2 * n * sizeof(E));
        const auto x = c.ring(n, copies), y = c.ring(n, copies);
        E* out = c.template memory<E>(1);
        const Want want = dot(x.p, y.p, n);
        W w = work<E>(2 * double(n), 2 * e * double(n), out, 1,
                      [=](const K& k, size_t turn) { *out = k.vec_dot(x.at(turn), y.at(turn), n); }, [=](size_t) { return want; });
        w.memory = copies > 1;
        if constexpr (f32)
            if (blas().sdot) compare(w, "OpenBLAS", [=](const K&, size_t turn) {
                sink = blas().sdot(int(n), x.at(turn), 1, y.at(turn), 1);
            });
        return w;
    } });
    binary("vec_add", &K::vec_add, 1, [](double x, double y) { return x + y; });
    binary("vec_sub", &K::vec_sub, 1, [](double x, double y) { return x - y; });
    binary("vec_mul", &K::vec_mul, 1, [](double x, double y) { return x * y; });
    in_place("vec_scale", 1, false, [](const K& k, E* x, const E*, size_t n) { k.vec_scale(x, -1.0f, n); },
             [](double x, double) { return -x; });
    in_place("vec_axpy", 2, true, [](const K& k, E* x, const E* y, size_t n) { k.vec_axpy(x, 0.5f, y, n); },
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
    t.push_back({ "softmax", vectors, false, [=](C& c) {
        const size_t n = c.n, copies = copies_of(2 * n * sizeof(E));
        const auto x = c.ring(n, copies), out = c.results(n, copies);
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += std::exp(value(x.p[i]));
        W w = work<E>(4 * double(n), 2 * e * double(n), out.p, n,
                      [=](const K& k, size_t turn) { k.softmax(x.at(turn), out.at(turn), n); },
                      [=](size_t i) { return Want{ std::exp(value(x.p[i])) / sum, 0 }; });
        elementwise(w, n, x, {}, out);
        return w;
    } });
    const auto norm = [&](const char* op, bool centred, bool many) {
        t.push_back({ op, many ? Shapes{ "512x4096,8192x4096", "16x4096" } : Shapes{ "4096", "4096" }, many, [=](C& c) {
            const size_t m = many ? c.m : 1, n = c.n, all = m * n, copies = copies_of(2 * all * sizeof(E));
            const auto x = c.ring(all, copies), out = c.results(all, copies);
            const E *a = c.data(n), *b = c.data(n);
            auto truth = [=](size_t i) {
                const E* row = x.p + i / n * n;
                double mean = 0, var = 0;
                for (size_t j = 0; j < n; j++) mean += value(row[j]);
                mean = centred ? mean / double(n) : 0;
                for (size_t j = 0; j < n; j++) var += (value(row[j]) - mean) * (value(row[j]) - mean);
                const double z = (value(x.p[i]) - mean) / std::sqrt(var / double(n) + double(1e-5f)) * value(a[i % n]);
                return Want{ centred ? z + value(b[i % n]) : z, 0 };
            };
            W w = work<E>((centred ? 8 : 4) * double(all), 2 * double(all) * e, out.p, all, [=](const K& k, size_t turn) {
                const E* from = x.at(turn);
                E* to = out.at(turn);
                if (many) centred ? k.layer_norm_rows(from, a, b, to, m, n, 1e-5f) : k.rms_norm_rows(from, a, to, m, n, 1e-5f);
                else      centred ? k.layer_norm(from, a, b, to, n, 1e-5f) : k.rms_norm(from, a, to, n, 1e-5f);
            }, truth);
            elementwise(w, all, x, {}, out);
            return w;
        } });
    };
    norm("rms_norm", false, false);
    norm("layer_norm", true, false);
    norm("rms_norm_rows", false, true);
    norm("layer_norm_rows", true, true);
    const auto rope = [&](const char* op, gllm::RopeStyle style, bool with_pos) {
        t.push_back({ op, { "32x128", "32x128" }, false, [=](C& c) {
            const size_t heads = c.m, n = c.n, half = n / 2, all = heads * n, position = with_pos ? 3 : 0;
            const E* before = c.data(all);
            const auto x = c.results(all, 1);
            E *cosines = c.template memory<E>(4 * half), *sines = c.template memory<E>(4 * half);
            for (size_t i = 0; i < 4 * half; i++) {
                const double angle = double(i / half) * std::pow(1e4, -double(i % half) / double(half)) + 0.5;
                cosines[i] = gllm::Element<E>::from_f32(float(std::cos(angle)));
                sines[i] = gllm::Element<E>::from_f32(float(std::sin(angle)));
            }
            W w = work<E>(3 * double(all), 2 * e * double(all), x.p, all, [=](const K& k, size_t) {
                if (with_pos) k.rope_with_pos(x.p, cosines, sines, heads, n, position, style);
                else k.rope(x.p, cosines, sines, heads, n, style);
            }, [=](size_t i) {
                const bool pairs = style == gllm::RopeStyle::interleaved;
                const size_t at = i % n, j = pairs ? at / 2 : at % half, step = pairs ? 1 : half;
                const bool second = pairs ? at % 2 : at >= half;
                const double co = value(cosines[position * half + j]), si = value(sines[position * half + j]), v = value(before[i]);
                return Want{ second ? v * co + value(before[i - step]) * si : v * co - value(before[i + step]) * si, 1 };
            });
            w.prepare = [=](const K&) { memcpy(static_cast<void*>(x.p), before, all * sizeof(E)); };
            elementwise(w, all, x, {}, x);
            return w;
        } });
    };
    rope("rope", gllm::RopeStyle::interleaved, false);
    rope("rope_half", gllm::RopeStyle::half, false);
    rope("rope_with_pos", gllm::RopeStyle::interleaved, true);

    // ---- dense products
    t.push_back({ "gemv", { "512x512,4096x4096", "512x512", "4096x4096" }, true, [=](C& c) {
        const size_t m = c.m, n = c.n, copies = copies_of(1, m * n, m * n * sizeof(E));
        const auto a = c.ring(m * n, copies);
        const E* x = c.data(n);
        E* y = c.template memory<E>(m);
        W w = work<E>(2 * double(m * n), double(m * n) * e, y, m, [=](const K& k, size_t turn) { k.gemv(a.at(turn), x, y, m, n); },
                      [=](size_t i) { return dot(x, a.p + i * n, n); });
        product(w, 1, m, n, copies);
        if constexpr (f32)
            if (blas().sgemv) compare(w, "OpenBLAS", [=](const K&, size_t turn) {
                blas().sgemv(ROW_MAJOR, PLAIN, int(m), int(n), 1, a.at(turn), int(n), x, 1, 0, y, 1);
            });
        return w;
    } });
    enum { TRANSPOSE = 1, BIAS = 2, ACT = 4, PACKED = 8 };
    const auto gemm = [&](const char* op, Shapes shapes, int what) {
        t.push_back({ op, shapes, true, [=](C& c) {
            const size_t m = c.m, n = c.n, depth = c.k, copies = copies_of(m, depth * n, depth * n * sizeof(E));
            const bool transposed = what & TRANSPOSE;
            const E *a = c.data(m * depth), *bias = c.data(n);
            const auto b = c.ring(depth * n, copies);
            E* out = c.template memory<E>(m * n);
            auto packed = std::make_shared<std::vector<Ring<unsigned char>>>(4);    // of each instruction set
            const auto act = gllm::Activation::relu;
            W w = work<E>(2 * double(m) * double(n) * double(depth), e * double(m * depth + m * n + depth * n), out, m * n,
                          [=](const K& k, size_t turn) -> Status {
                const E* weights = b.at(turn);
                const void* p = what & PACKED ? (*packed)[size_t(k.isa())].at(turn) : nullptr;
                switch (what) {
                    case 0:                   return k.gemm(a, weights, out, m, n, depth);
                    case BIAS:                return k.gemm_bias(a, weights, bias, out, m, n, depth);
                    case BIAS | ACT:          return k.gemm_bias_act(a, weights, bias, out, m, n, depth, act);
                    case TRANSPOSE:           return k.gemm_transposed_b(a, weights, out, m, n, depth);
                    case PACKED:              return k.gemm_prepacked(a, p, out, m, n, depth);
                    case PACKED | BIAS:       return k.gemm_bias_prepacked(a, p, bias, out, m, n, depth);
                    default:                  return k.gemm_bias_act_prepacked(a, p, bias, out, m, n, depth, act);
                }
            }, [=](size_t i) {
                const size_t j = i % n;
                Want want = transposed ? dot(a + i / n * depth, b.p + j * depth, depth) : dot(a + i / n * depth, b.p + j, depth, n);
                if (what & BIAS) want.value += value(bias[j]);
                if (what & ACT) want.value = std::max(want.value, 0.0);
                return want;
            });
            product(w, m, n, depth, copies);
            if (what & PACKED) w.prepare = [=, &c](const K& k) {
                auto& p = (*packed)[size_t(k.isa())];
                p = c.template results<unsigned char>(k.packed_b_bytes(n, depth), copies);
                for (size_t i = 0; i < copies; i++) (void)k.pack_b(b.at(i), n, depth, p.at(i));
            };
            if constexpr (f32)
                if (blas().sgemm && !(what & BIAS)) compare(w, "OpenBLAS", [=](const K&, size_t turn) {
                    blas().sgemm(ROW_MAJOR, PLAIN, transposed ? TRANSPOSED : PLAIN, int(m), int(n), int(depth), 1, a, int(depth),
                                 b.at(turn), int(transposed ? depth : n), 0, out, int(n));
                });
            if (what == PACKED)
                compare(w, "unpacked", [=](const K& k, size_t turn) { return k.gemm(a, b.at(turn), out, m, n, depth); });
            return w;
        } });
    };
    gemm("gemm",                    dense, 0);
    gemm("gemm_transposed_b",       dense, TRANSPOSE);
    gemm("gemm_prepacked",          dense, PACKED);
    gemm("gemm_bias",               fused, BIAS);
    gemm("gemm_bias_act",           fused, BIAS | ACT);
    gemm("gemm_bias_prepacked",     fused, PACKED | BIAS);
    gemm("gemm_bias_act_prepacked", fused, PACKED | BIAS | ACT);
    for (const bool transposed : { false, true })
        t.push_back({ transposed ? "pack_b_transposed" : "pack_b", { "512x512,4096x4096", "512x512" }, true, [=](C& c) {
            const size_t n = c.n, depth = c.m, copies = copies_of(1, n * depth, 2 * n * depth * sizeof(E));
            const auto b = c.ring(n * depth, copies);
            size_t bytes = 0;                                   // the largest of all instruction sets
            for (Isa isa : gllm::all_isas) {
                K k;
                if (k.select(isa)) bytes = std::max(bytes, k.packed_b_bytes(n, depth));
            }
            const auto p = c.template results<unsigned char>(bytes, copies);
            W w = work<E>(0, 2 * e * double(n * depth), b.p, 0, [=](const K& k, size_t turn) {
                const E* from = b.at(turn);
                return transposed ? k.pack_b_transposed(from, n, depth, p.at(turn)) : k.pack_b(from, n, depth, p.at(turn));
            }, nullptr);
            w.memory = copies > 1;
            compare(w, "copy", [=](const K& k, size_t turn) {
                copy(k.parallel, b.at(turn), nullptr, p.at(turn), n * depth * sizeof(E));
            });
            return w;
        } });

    // ---- block formats: weights are random bytes whose values are neither huge nor tiny, kept for the next rows of a format
    const auto blocks = [](C& c, QuantType type, size_t count) -> unsigned char* {
        static Block kept(0);
        static int of = -1;
        const size_t bytes = block_bytes(type), n = block_size(type), distinct = std::min<size_t>(count, 509);
        if (of == int(type) && kept.bytes >= count * bytes) return kept.p;
        if (kept.bytes < count * bytes) kept = Block(0), kept = Block(count * bytes);
        of = -1;
        gllm::CpuKernels<float> scalar;
        (void)scalar.select(Isa::scalar);
        std::vector<float> w(n);
        for (size_t i = 0; i < distinct;) {
            for (size_t j = 0; j < bytes; j++) kept.p[i * bytes + j] = static_cast<unsigned char>(c.bits() >> 32);
            for (size_t j = 98; type == QuantType::SQUEEZE && j < bytes; j += 4) {           // its levels are floats
                const float level = float(c.uniform());
                memcpy(kept.p + i * bytes + j, &level, 4);
            }
            if (!scalar.dequant(type, kept.p + i * bytes, w.data(), n)) return nullptr;
            float largest = 0;
            for (float v : w) largest = v == v ? std::max(largest, std::fabs(v)) : 1e30f;
            if (largest > 1e-3f && largest < 1e3f) i++;
        }
        for (size_t i = distinct, all = kept.bytes / bytes; i < all; i += distinct)
            memcpy(kept.p + i * bytes, kept.p, std::min(distinct, all - i) * bytes);
        of = int(type);
        return kept.p;
    };
    const auto packed_bytes = [](QuantType type, size_t n, size_t depth) {      // the largest of all instruction sets
        size_t bytes = 0;
        for (Isa isa : gllm::all_isas) {
            K k;
            if (k.select(isa)) bytes = std::max(bytes, k.packed_weights_bytes(type, n, depth));
        }
        return bytes;
    };
    for (int i = 0; i < gllm::quant_type_count; i++) {
        const QuantType type = QuantType(i);
        std::string name = gllm::quant_name(type);
        for (char& ch : name) ch = ch >= 'A' && ch <= 'Z' ? char(ch - 'A' + 'a') : ch;
        t.push_back({ "dequant_" + name, { "16384", "16384" }, false, [=](C& c) {
            const size_t n = c.n;
            const auto* from = blocks(c, type, (n + block_size(type) - 1) / block_size(type));
            float *out = c.template memory<float>(n), *truth = c.template draw<float>(n);
            gllm::CpuKernels<float> scalar;
            (void)scalar.select(Isa::scalar);
            if (!from || !scalar.dequant(type, from, truth, n)) return W{};
            W w = work<E>(double(n), 4 * double(n), out, n, [=](const K& k, size_t) { return k.dequant(type, from, out, n); },
                          [=](size_t j) { return Want{ double(truth[j]), 0 }; });
            compare(w, "copy", [=](const K& k, size_t) { copy(k.parallel, truth, nullptr, out, n * 4); });
            return w;
        } });
        for (auto precision : { Precision::exact, Precision::fast })
            t.push_back({ "matmul_" + name + (precision == Precision::fast ? "_fast" : ""), coded, true, [=](C& c) {
                const size_t m = c.m, n = c.n, depth = c.k, row = row_bytes(type, depth), bytes = n * row;
                if (!row) return W{};
                const size_t copies = copies_of(m, n * depth, bytes);
                const unsigned char* from = blocks(c, type, copies * bytes / block_bytes(type));
                if (!from) return W{};
                const E* x = c.data(m * depth);
                E* out = c.template memory<E>(m * n);
                const auto rows_of = [=](size_t count) {
                    return [=](const K& k, size_t turn) {
                        return k.matmul(type, from + turn % copies * bytes, x, out, count, n, depth, precision);
                    };
                };
                W w = work<E>(2 * double(m) * double(n) * double(depth), double(bytes), out, m * n, rows_of(m), [=](size_t j) {
                    gllm::CpuKernels<float> scalar;
                    (void)scalar.select(Isa::scalar);
                    std::vector<float> weights(depth);
                    (void)scalar.dequant(type, from + j % n * row, weights.data(), depth);
                    return dot(x + j / n * depth, weights.data(), depth);
                });
                product(w, m, n, depth, copies);
                if (m > 1 && m <= 32) compare(w, "m = 1", rows_of(1), true);
                return w;
            } });
        for (auto precision : { Precision::exact, Precision::fast })
            if (packed_bytes(type, 16, 256)) t.push_back({ "matmul_packed_" + name + (precision == Precision::fast ? "_fast" : ""), packable, true, [=](C& c) {
                const size_t m = c.m, n = c.n, depth = c.k, row = row_bytes(type, depth), bytes = n * row;
                if (!packed_bytes(type, n, depth)) return W{};
                const size_t copies = copies_of(m, n * depth, bytes);
                const unsigned char* from = blocks(c, type, copies * bytes / block_bytes(type));
                if (!from) return W{};
                const E* x = c.data(m * depth);
                E* out = c.template memory<E>(m * n);
                struct Packed { Ring<unsigned char> at; Status made; };
                const auto packed = std::make_shared<std::vector<Packed>>(4);   // of each instruction set
                W w = work<E>(2 * double(m) * double(n) * double(depth), double(bytes), out, m * n, [=](const K& k, size_t turn) {
                    const Packed& p = (*packed)[size_t(k.isa())];
                    return p.made ? k.matmul_packed(p.at.at(turn), x, out, m, n, depth, precision) : p.made;
                }, [=](size_t j) {
                    gllm::CpuKernels<float> scalar;
                    (void)scalar.select(Isa::scalar);
                    std::vector<float> weights(depth);
                    (void)scalar.dequant(type, from + j % n * row, weights.data(), depth);
                    return dot(x + j / n * depth, weights.data(), depth);
                });
                product(w, m, n, depth, copies);
                w.prepare = [=, &c](const K& k) {
                    Packed& p = (*packed)[size_t(k.isa())];
                    p.at = c.template results<unsigned char>(std::max(k.packed_weights_bytes(type, n, depth), size_t(1)), copies);
                    for (size_t j = 0; j < copies; j++) p.made = k.pack_weights(type, from + j * bytes, p.at.at(j), n, depth);
                };
                compare(w, "matmul", [=](const K& k, size_t turn) {
                    return k.matmul(type, from + turn % copies * bytes, x, out, m, n, depth, precision);
                });
                return w;
            } });
    }

    // ---- plain codes, one scale a row
    const auto plain = [&](const char* op, Shapes shapes, int width, bool matrix, auto f) {
        t.push_back({ op, shapes, matrix, [=](C& c) {
            const size_t m = matrix ? c.m : 1, n = matrix ? c.n : 1, depth = matrix ? c.k : c.n, per = size_t(width);
            const size_t row = (depth * per + 7) / 8;
            const size_t copies = copies_of(m, n * depth, n * row);
            const auto from = c.template ring<unsigned char>(n * row, copies);
            const E *x = c.data(m * depth), *scales = c.data(n);
            E* out = c.template memory<E>(m * n);
            const auto rows_of = [=](size_t count) {
                return [=](const K& k, size_t turn) { return f(k, from.at(turn), x, out, scales, count, n, depth); };
            };
            W w = work<E>(2 * double(m) * double(n) * double(depth), double(n * row), out, m * n, rows_of(m), [=](size_t j) {
                std::vector<float> weights(depth);
                for (size_t l = 0; l < depth; l++) {
                    const int byte = from.p[j % n * row + l * per / 8], code = byte >> (l * per % 8) & ((1 << width) - 1);
                    weights[l] = float(width == 8 ? int(int8_t(byte)) : width == 4 ? code - 8 : width == 2 ? code - 2 : 2 * code - 1);
                }
                return dot(x + j / n * depth, weights.data(), depth, 1, value(scales[j % n]));
            });
            product(w, m, n, depth, copies);
            if (m > 1 && m <= 32) compare(w, "m = 1", rows_of(1), true);
            return w;
        } });
    };
    using B = const unsigned char*;
    const Shapes line = { "4096", "4096" }, few = { "1x4096x4096,8x4096x4096,512x4096x4096", "1x4096x4096,512x1024x1024" };
    const auto one_row = [&](const char* op, int width, E (K::*f)(const void*, const E*, gllm::Scalar, size_t) const) {
        plain(op, line, width, false, [f](const K& k, B w, const E* x, E* y, const E* s, size_t, size_t, size_t n) {
            *y = (k.*f)(w, x, *s, n);
            return OK;
        });
    };
    const auto matrix = [&](const char* op, int width, auto f, Precision p) {
        plain(op, few, width, true, [f, p](const K& k, B w, const E* x, E* y, const E* s, size_t m, size_t n, size_t depth) {
            return (k.*f)(w, x, y, s, m, n, depth, p);
        });
    };
    one_row("gemv_q8", 8, &K::gemv_q8);
    one_row("gemv_q4", 4, &K::gemv_q4);
    one_row("gemv_q2", 2, &K::gemv_q2);
    one_row("gemv_q1", 1, &K::gemv_q1);
    matrix("gemm_q8",      8, &K::gemm_q8, Precision::exact);
    matrix("gemm_q8_fast", 8, &K::gemm_q8, Precision::fast);
    matrix("gemm_q4",      4, &K::gemm_q4, Precision::exact);
    matrix("gemm_q4_fast", 4, &K::gemm_q4, Precision::fast);

    // ---- checkpoints, groups of 128
    const auto checkpoint = [&](const char* op, bool awq, bool multiply) {
        t.push_back({ op, multiply ? few : Shapes{ "1x1024x1024", "1x1024x1024" }, multiply, [=](C& c) {
            const size_t m = c.m, n = c.n, depth = c.k, group = 128;
            if (n % 8 || depth % group) return W{};
            const double bytes = double(n * depth) * (0.5 + 2.5 / double(group));
            const size_t copies = copies_of(m, n * depth, size_t(bytes));
            const auto qweight = c.template ring<unsigned char>(n * depth / 2, copies);
            const auto qzeros = c.template ring<unsigned char>(depth / group * n / 2, copies);
            const auto scales = c.template ring<gllm::f16>(depth / group * n, copies, 0.005, 0.02);
            const E* x = c.data(m * depth);
            E* out = c.template memory<E>(m * n);
            float *floats = c.template memory<float>(n * depth), *truth = c.template memory<float>(n * depth);
            const auto zeros = gllm::GptqZeros::v1;
            const auto decode = [=](const auto& k, float* to) {
                return awq ? k.dequant_awq4(qweight.p, qzeros.p, scales.p, to, n, depth, group)
                           : k.dequant_gptq4(qweight.p, qzeros.p, scales.p, nullptr, to, n, depth, group, zeros);
            };
            gllm::CpuKernels<float> scalar;
            (void)scalar.select(Isa::scalar);
            if (!decode(scalar, truth)) return W{};
            if (!multiply) {
                W w = work<E>(double(n * depth), 4 * double(n * depth), floats, n * depth,
                              [=](const K& k, size_t) { return decode(k, floats); },
                              [=](size_t j) { return Want{ double(truth[j]), 0 }; });
                compare(w, "copy", [=](const K& k, size_t) { copy(k.parallel, truth, nullptr, floats, n * depth * 4); });
                return w;
            }
            const auto rows_of = [=](size_t count) {
                return [=](const K& k, size_t turn) {
                    const auto *q = qweight.at(turn), *z = qzeros.at(turn);
                    return awq ? k.awq_matmul(q, z, scales.at(turn), x, out, count, n, depth, group)
                               : k.gptq_matmul(q, z, scales.at(turn), nullptr, x, out, count, n, depth, group, zeros);
                };
            };
            W w = work<E>(2 * double(m) * double(n) * double(depth), bytes, out, m * n, rows_of(m),
                          [=](size_t j) { return dot(x + j / n * depth, truth + j % n * depth, depth); });
            product(w, m, n, depth, copies);
            if (m > 1 && m <= 32) compare(w, "m = 1", rows_of(1), true);
            return w;
        } });
    };
    checkpoint("awq_matmul", true, true);
    checkpoint("gptq_matmul", false, true);
    checkpoint("dequant_checkpoint_awq4", true, false);
    checkpoint("dequant_checkpoint_gptq4", false, false);

    // ---- attention: m queries x n tokens x head_dim, each query sees all tokens; 4 heads share keys, 32 heads of one query, else 8
    const auto attention = [&](const char* op, gllm::CacheType type) {
        t.push_back({ op, { "1x4096x128,1x256x64,512x4096x128,512x1024x64", "1x256x64,32x256x64" }, true, [=](C& c) {
            const size_t m = c.m, n = c.n, d = c.k, kv = m == 1 ? 8 : 2, heads = 4 * kv;
            const Cache  cache(type, n, kv, d);
            const size_t bytes = cache.pages * cache.page_bytes, copies = copies_of(m, kv * n * d, bytes);
            const auto   pages = c.template ring<unsigned char>(bytes, copies);
            for (size_t i = 0; i < copies; i++) cache.settle(pages.at(i));
            const E* q = c.data(m * heads * d);
            E* out = c.template memory<E>(m * heads * d);
            uint32_t* table = c.template memory<uint32_t>(cache.pages);
            for (size_t i = 0; i < cache.pages; i++) table[i] = uint32_t(i);
            W w = work<E>(4 * double(m) * double(heads) * double(n) * double(d), double(bytes), out, m * heads * d,
                          [=](const K& k, size_t turn) {
                gllm::AttentionArgs<E> a;
                a.q = q, a.out = out, a.m = m, a.heads = heads, a.causal = false;
                a.kv = cache.view(pages.at(turn), table);
                return k.attention(a);
            }, [=](size_t i) { return cache.truth(pages.p, q + i / d * d, i / d % heads / 4, i % d); });
            w.memory = m == 1 && copies > 1;
            const E *keys = c.data(kv * n * d), *values = c.data(kv * n * d);
            E* scores = c.template memory<E>(m * n);
            compare(w, "gemm, softmax, gemm", [=](const K& k, size_t) {
                Status s = OK;
                for (size_t h = 0; h < heads && s; h++) {
                    s = k.gemm_transposed_b(q + h * m * d, keys + h / 4 * n * d, scores, m, n, d);
                    for (size_t i = 0; i < m; i++) {
                        k.vec_scale(scores + i * n, float(1 / std::sqrt(double(d))), n);
                        k.softmax(scores + i * n, scores + i * n, n);
                    }
                    if (s) s = k.gemm(scores, values + h / 4 * n * d, out + h * m * d, m, d, n);
                }
                return s;
            });
            return w;
        } });
    };
    attention("attention_f32", gllm::CacheType::f32);
    attention("attention_f16", gllm::CacheType::f16);
    attention("attention_bf16", gllm::CacheType::bf16);
    attention("attention_q8_0", gllm::CacheType::Q8_0);
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

struct Ratio { std::string name; bool time; double value; };
struct Result {
    std::string op, elem, shape, isa;
    double seconds, bytes, flops, elements, share, share_of_p, vs_scalar, error;
    bool   memory;
    std::vector<Ratio> versus;
};
std::vector<Result> results;

void print(const Result& r) {
    char share[32] = "-", ratio[32] = "-", time[32];
    const double t = r.seconds;
    snprintf(time, sizeof time, t < 1e-5 ? "%.1f ns" : t < 1e-2 ? "%.2f us" : "%.2f ms", t * (t < 1e-5 ? 1e9 : t < 1e-2 ? 1e6 : 1e3));
    if (r.share > 0) snprintf(share, sizeof share, "%.1f%% %s", 100 * r.share, r.memory ? "R" : "F");
    if (r.vs_scalar > 0) snprintf(ratio, sizeof ratio, "%.2fx", r.vs_scalar);
    printf("%-24s %-4s %-15s %-7s %11s %8.2f GB/s %9.2f GFLOP/s %9s %10s   err %.0e", r.op.c_str(), r.elem.c_str(), r.shape.c_str(),
           r.isa.c_str(), time, r.bytes / t * 1e-9, r.flops / t * 1e-9, share, ratio, r.error);
    if (r.share_of_p > 0) printf("   %.1f%% P", 100 * r.share_of_p);
    if (r.elements > 0) printf("   %.3f ns/element", t / r.elements * 1e9);
    for (const Ratio& v : r.versus) printf("   %s%.2fx %s", v.time ? "time " : "", v.value, v.name.c_str());
    printf("\n");
    fflush(stdout);
}

/// All instruction sets on one case, sample by sample in turn.
template <class E>
void measure(const std::string& op, const char* elem, const std::string& shape, const Work<E>& w, const Parallel& parallel) {
    const size_t pairs = options.quick ? 5 : 7;
    const double enough = options.quick ? 5e-4 : 2e-3, scalar_limit = options.quick ? 4e7 : 1e8;
    struct Sample { double seconds, share, share_of_p, vs_scalar; std::vector<double> versus; };
    struct Lane { gllm::CpuKernels<E> k; size_t reps; double error; bool tiles; std::vector<Sample> samples; };
    std::vector<Lane> lanes;
    std::vector<Versus<E>> versus = w.versus;
    if (parallel.width > 1) versus.push_back({ "one thread", false, [run = w.run](gllm::CpuKernels<E> k, size_t reps) {
        k.parallel = {};
        return run(k, reps);
    } });
    for (Isa isa : gllm::all_isas) {
        if (gllm::isa_presence(isa) != gllm::Presence::native || !listed(options.isa, gllm::isa_name(isa))) continue;
        if (isa == Isa::scalar && w.flops > scalar_limit) continue;
        Lane lane = { {}, 1, 0, w.tiles && isa == Isa::avx512 && tile_peak({}) > 0, {} };
        lane.k.parallel = parallel;
        if (!lane.k.select(isa)) continue;
        if (w.prepare) w.prepare(lane.k);
        *w.turn = 0;
        double start = now(), took;
        const Status s = w.run(lane.k, 1);
        took = now() - start;
        if (!s) { printf("%-24s %-4s %-15s %-7s %s\n", op.c_str(), elem, shape.c_str(), gllm::isa_name(isa), s.what); continue; }
        lane.error = error_of(w);
        while (took < enough / 2 && lane.reps < 1u << 24) {
            lane.reps *= 2;
            start = now();
            w.run(lane.k, lane.reps);
            took = now() - start;
        }
        lane.reps = std::max<size_t>(1, size_t(double(lane.reps) * enough / took));
        lanes.push_back(lane);
    }
    for (size_t p = 0; p < 3 * pairs; p++) {
        double scalar = 0;
        const double bandwidth = w.memory && p < pairs && options.emulator.empty() ? machine::read_bandwidth(parallel, options.quick) : 0;
        for (Lane& lane : lanes) {
            if (p >= pairs && !lane.tiles) continue;
            const auto seconds = [&](const Run<E>& run) {
                const double start = now();
                run(lane.k, lane.reps);
                return (now() - start) / double(lane.reps);
            };
            Sample s = { 0, 0, 0, 0, {} };
            for (const Versus<E>& v : versus) s.versus.push_back(seconds(v.run));
            const double peak = w.memory ? bandwidth : fma_peak(lane.k.isa(), parallel), tiles = lane.tiles ? tile_peak(parallel) : 0;
            s.seconds = seconds(w.run);
            if (peak > 0) s.share = (w.memory ? w.bytes : w.flops) / s.seconds / peak;
            if (lane.k.isa() == Isa::scalar) scalar = s.seconds;
            if (tiles > 0) s.share_of_p = w.flops / s.seconds / tiles;
            if (scalar > 0) s.vs_scalar = scalar / s.seconds;
            for (size_t v = 0; v < versus.size(); v++)
                s.versus[v] = versus[v].time ? s.seconds / s.versus[v] : s.versus[v] / s.seconds;
            lane.samples.push_back(s);
        }
    }
    for (Lane& lane : lanes) {
        if (lane.tiles) {
            const auto faster = [](const Sample& a, const Sample& b) { return a.seconds < b.seconds; };
            std::sort(lane.samples.begin(), lane.samples.end(), faster);
            lane.samples.resize(pairs);
        }
        const auto middle = [&](auto figure) {
            std::vector<double> v;
            for (const Sample& s : lane.samples) if (figure(s) > 0) v.push_back(figure(s));
            return median(v);
        };
        Result r = { op, elem, shape, gllm::isa_name(lane.k.isa()),
                     middle([](const Sample& s) { return s.seconds; }), w.bytes, w.flops, w.elements,
                     middle([](const Sample& s) { return s.share; }), middle([](const Sample& s) { return s.share_of_p; }),
                     middle([](const Sample& s) { return s.vs_scalar; }), lane.error, w.memory, {} };
        for (size_t v = 0; v < versus.size(); v++)
            r.versus.push_back({ versus[v].name, versus[v].time, middle([=](const Sample& s) { return s.versus[v]; }) });
        results.push_back(r);
        print(r);
    }
}

/// The rows of one element type that the options ask for; false if no operation has such a name.
template <class E> bool bench(const char* elem, const Parallel& parallel) {
    if (!listed(options.elem, elem)) return true;
    const bool few = options.elem.empty() && !std::is_same<E, float>::value;
    const std::vector<Row<E>> table = rows<E>();
    bool exact = false, any = false;
    for (const Row<E>& row : table) exact |= row.op == options.op;
    for (const Row<E>& row : table) {
        if (exact ? row.op != options.op : row.op.find(options.op) == std::string::npos) continue;
        any = true;
        const char* const shapes = few ? (options.quick ? "" : row.shapes.halves) : options.quick ? row.shapes.quick : row.shapes.full;
        if (!*shapes || (parallel.width > 1 && !row.splits)) continue;
        size_t d[3];
        const size_t sizes = parse_shape(split(shapes)[0], d);
        for (const std::string& shape : split(few || options.shape.empty() ? shapes : options.shape)) {
            if (parse_shape(shape, d) != sizes || (few && !listed(options.shape, shape))) continue;
            Case<E> c;
            c.m = sizes > 1 ? d[0] : 1;
            c.n = sizes > 1 ? d[1] : d[0];
            c.k = sizes > 2 ? d[2] : 1;
            const Work<E> w = row.make(c);
            if (w.run) measure(row.op, elem, shape, w, parallel);
        }
    }
    return any;
}

bool write_json(const char* path) {
    FILE* f = fopen(path, "w");
    if (!f) return false;
    fprintf(f, "[");
    for (const Result& r : results) {
        fprintf(f, "%s\n  {\"op\": \"%s\", \"elem\": \"%s\", \"shape\": \"%s\", \"isa\": \"%s\", \"threads\": %u, ",
                &r == &results[0] ? "" : ",", r.op.c_str(), r.elem.c_str(), r.shape.c_str(), r.isa.c_str(), options.threads);
        fprintf(f, "\"seconds\": %.6g, \"bytes\": %.0f, \"flops\": %.0f, \"elements\": %.0f, ", r.seconds, r.bytes, r.flops, r.elements);
        fprintf(f, "\"share\": %.4g, \"share_of\": \"%s\", \"share_of_p\": %.4g, \"vs_scalar\": %.4g, \"error\": %.3g", r.share,
                r.memory ? "R" : "F", r.share_of_p, r.vs_scalar, r.error);
        for (const Ratio& v : r.versus) fprintf(f, ", \"%s %s\": %.4g", v.time ? "time over" : "speed over", v.name.c_str(), v.value);
        fprintf(f, "}");
    }
    fprintf(f, "\n]\n");
    return fclose(f) == 0;
}

int misuse(const char* what, const std::string& which) {
    fprintf(stderr, "bench: %s \"%s\"\n%s", what, which.c_str(), USAGE);
    return 2;
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; i++) {
        const std::string a = argv[i];
        if (a == "--quick") { options.quick = true; continue; }
        if (a == "--help") { fputs(USAGE, stdout); return 0; }
        std::string threads;
        std::string* const text = a == "--op" ? &options.op : a == "--isa" ? &options.isa : a == "--elem" ? &options.elem
                                : a == "--shape" ? &options.shape : a == "--json" ? &options.json
                                : a == "--emulator" ? &options.emulator : a == "--threads" ? &threads : nullptr;
        if (!text) return misuse("no such option:", a);
        if (++i == argc) return misuse("no value for", a);
        *text = argv[i];
        if (text == &threads) {
            char* end;
            const long n = strtol(argv[i], &end, 10);
            if (*end || n < 1 || n > 1024) return misuse("no number of threads:", threads);
            options.threads = unsigned(n);
        }
    }
    size_t sizes[3], present = 0;
    for (const auto& s : split(options.shape)) if (!parse_shape(s, sizes)) return misuse("no shape:", s);
    for (const auto& s : split(options.elem)) if (!listed("f32,f16,bf16", s)) return misuse("no element type:", s);
    for (const auto& s : split(options.isa)) {
        bool known = false;
        for (Isa isa : gllm::all_isas) known |= s == gllm::isa_name(isa);
        if (!known) return misuse("no instruction set:", s);
    }
    for (Isa isa : gllm::all_isas)
        present += gllm::isa_presence(isa) == gllm::Presence::native && listed(options.isa, gllm::isa_name(isa));
    if (!present) {
        fprintf(stderr, "bench: this machine has no %s\n", options.isa.c_str());
        return 1;
    }
    gllm::ThreadPool pool(options.threads);
    const Parallel parallel = options.threads > 1 ? pool.parallel() : Parallel{};
    const double tiles = tile_peak(parallel);
    const double fma = fma_peak(gllm::best_isa(), parallel);
    if (!options.emulator.empty())
        printf("# under %s: its speed, and of no machine; no shares of a peak", options.emulator.c_str());
    else if (fma > 0)
        printf("# F (%s): %.1f GFLOP/s", gllm::isa_name(gllm::best_isa()), fma * 1e-9);
    else
        printf("# F (%s): not measured", gllm::isa_name(gllm::best_isa()));
    if (tiles > 0) printf("   P (bf16 tiles): %.0f GFLOP/s", tiles * 1e-9);
    if (!options.quick && options.emulator.empty()) printf("   R: %.1f GB/s", machine::read_bandwidth(parallel, options.quick) * 1e-9);
    printf("   threads: %u\n", parallel.width);
    if (tiles > 0) printf("# rows with a share of P: the best third of their samples, for tiles have slow phases on a shared machine\n");
    printf("%-24s %-4s %-15s %-7s %11s %13s %17s %9s %10s\n",
           "op", "elem", "shape", "isa", "time", "memory", "compute", "share", "vs scalar");
    bool known = bench<float>("f32", parallel);
    known &= bench<gllm::f16>("f16", parallel);
    known &= bench<gllm::bf16>("bf16", parallel);
    if (!known) return misuse("no operation has in its name", options.op);
    if (!options.json.empty() && !write_json(options.json.c_str())) {
        fprintf(stderr, "bench: cannot write %s\n", options.json.c_str());
        return 1;
    }
    if (results.empty()) fprintf(stderr, "bench: no row to show\n");
    return results.empty();
}
