// The test harness: every instruction set in turn, reproducible data, fenced outputs, inputs that end at a page that
// faults, and comparison with the oracle within the promised bound. SPDX-License-Identifier: MIT
//
//   TEST_CASE_TEMPLATE("vec_add", E, ELEMENTS) {
//       for (size_t n : test::ragged()) {
//           test::Rng rng(n);
//           test::Guarded<E> a(test::draw<E>(rng, n)), b(test::draw<E>(rng, n));
//           oracle::Want want;
//           for (size_t i = 0; i < n; i++) want.add(exact value, f32 error allowed);
//           test::check_op<E>("vec_add", "n=" + std::to_string(n), want,
//                             [&](const gllm::CpuKernels<E>& k, E* out) { k.vec_add(a.data(), b.data(), out, n); });
//       }
//   }
//
// Environment: GLLM_KERNELS_SEED=number   other data
//              GLLM_KERNELS_SMALL=1       fewer and smaller cases, for emulators
//              GLLM_KERNELS_NO_GUARD=1    no faulting pages: qemu 7 reads all of what a masked AVX load masks
//              GLLM_KERNELS_FULL=1        every float in the sweeps
//              GLLM_KERNELS_GRAPHS=number so many random graphs
#ifndef TESTS_HARNESS_HPP
#define TESTS_HARNESS_HPP

#include <doctest/doctest.h>

#include "hooks.hpp"
#include "oracle.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#elif defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#define ELEMENTS float, gllm::f16, gllm::bf16

namespace test {

using oracle::Want;
using Sizes = std::vector<size_t>;

inline std::string text(const char* s) { return s ? s : "(null)"; }       // doctest shows a bare const char* as an address

inline bool flag(const char* name) { const char* v = std::getenv(name); return v && *v && *v != '0'; }
inline bool small() { static const bool on = flag("GLLM_KERNELS_SMALL"); return on; }
inline bool full()  { static const bool on = flag("GLLM_KERNELS_FULL"); return on; }

/// 32-bit ARM's vector unit flushes subnormals whatever one asks. Data then has none, and results below 2^-126 may be zero.
#if defined(__arm__)
constexpr bool keeps_subnormals = false;
#else
constexpr bool keeps_subnormals = true;
#endif

// ---- instruction sets -------------------------------------------------------

/// Is it native or emulated here? The absent ones are named once.
inline bool present(gllm::Isa isa) {
    static bool told[sizeof gllm::all_isas];
    if (gllm::isa_presence(isa) != gllm::Presence::absent) return true;
    if (!told[int(isa)]) MESSAGE("skipped: " << text(gllm::isa_name(isa)) << ", absent here");
    told[int(isa)] = true;
    return false;
}

/// f(kernels, name) for every instruction set that is present.
template <class E, class F> void for_each_isa(F f) {
    for (gllm::Isa isa : gllm::all_isas) {
        if (!present(isa)) continue;
        gllm::CpuKernels<E> k;
        const gllm::Status status = k.select(isa);
        CHECK_MESSAGE(status, "select " << text(gllm::isa_name(isa)) << ": " << text(status.what));
        if (status) f(k, gllm::isa_name(isa));
    }
}

// ---- data -------------------------------------------------------------------

inline uint64_t seed() {
    static const uint64_t s = [] {
        const char* v = std::getenv("GLLM_KERNELS_SEED");
        return v ? std::strtoull(v, nullptr, 0) : 20261121ull;
    }();
    return s;
}

/// splitmix64 over the seed of the run and a stream number.
class Rng {
public:
    explicit Rng(uint64_t stream = 0) : state_(seed() + stream * 0xd1342543de82ef95ull) {}
    uint64_t bits() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    size_t below(size_t n) { return size_t(bits() % n); }
    double uniform() { return double(bits() >> 11) / 9007199254740992.0; }             // [0, 1)
    double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
    double gaussian() { return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform()); }
private:
    uint64_t state_;
};

/// gaussian N(0,1); uniform [-1,1); equal: one value throughout; mixed: gaussians, zeros of both signs, subnormals and magnitudes
/// near both ends of E; wide: the same with magnitudes whose products still fit f32; specials: mixed with NaN and infinities.
enum class Data { gaussian, uniform, equal, mixed, wide, specials };
constexpr Data FINITE[] = { Data::gaussian, Data::uniform, Data::equal, Data::mixed, Data::wide };
constexpr Data PRODUCTS[] = { Data::gaussian, Data::uniform, Data::equal, Data::wide };

inline const char* data_name(Data d) {
    static const char* const names[] = { "gaussian", "uniform", "equal", "mixed", "wide", "specials" };
    return names[int(d)];
}

template <class E> double draw_one(Rng& rng, Data mode) {
    const bool   half = std::is_same<E, gllm::f16>::value;
    const double sign = rng.bits() & 1 ? 1 : -1;
    switch (mode) {
        case Data::gaussian: case Data::equal: return rng.gaussian();
        case Data::uniform: return rng.uniform(-1, 1);
        case Data::specials:
            switch (rng.below(24)) {
                case 0: return oracle::QNAN;
                case 1: return oracle::INF;
                case 2: return -oracle::INF;
                default: return draw_one<E>(rng, Data::mixed);
            }
        default: break;
    }
    const double reach = half ? 4 : mode == Data::mixed ? 30 : 15;                    // decades to each side
    switch (rng.below(6)) {
        case 0:  return sign * 0.0;
        case 1:  return sign * (keeps_subnormals ? std::ldexp(rng.uniform(), half ? -14 : -126) : 0.0);
        case 2:  return sign * std::pow(10, -reach * rng.uniform(0.9, 1));
        case 3:  return sign * std::pow(10, reach * rng.uniform(0.9, 1));
        case 4:  return sign * std::pow(10, reach * rng.uniform(-1, 1));
        default: return rng.gaussian();
    }
}

template <class E> std::vector<E> draw(Rng& rng, size_t n, Data mode = Data::gaussian) {
    std::vector<E> x(n);
    E one = oracle::round_to<E>(draw_one<E>(rng, mode));
    for (E& e : x) e = mode == Data::equal ? one : oracle::round_to<E>(draw_one<E>(rng, mode));
    return x;
}

/// Lengths that straddle every vector width and unroll, some primes and some ordinary ones.
inline const Sizes& ragged() {
    static const Sizes all = [] {
        Sizes s = { 0, 1, 2, 3 };
        for (size_t w = 4; w <= 256; w *= 2)
            for (size_t n : { w - 1, w, w + 1 })
                if (n > s.back()) s.push_back(n);
        const Sizes more = small() ? Sizes{ 509, 1000 }
            : Sizes{ 19, 23, 37, 48, 53, 79, 95, 97, 191, 192, 193, 211, 509, 511, 512, 513, 1000, 1021, 4096, 4099 };
        s.insert(s.end(), more.begin(), more.end());
        return s;
    }();
    return all;
}

// ---- memory -----------------------------------------------------------------

/// n elements of output that start `offset` elements past a 64-byte boundary, between fences. They begin as NaN.
template <class T> class Fenced {
public:
    explicit Fenced(size_t n, size_t offset = 0) : n_(n), store_(n * sizeof(T) + 2 * FENCE + 128) {
        unsigned char* base = store_.data() + FENCE;
        base += (64 - reinterpret_cast<uintptr_t>(base) % 64) % 64 + offset % 16 * sizeof(T);
        begin_ = size_t(base - store_.data());
        for (size_t i = 0; i < store_.size(); i++) store_[i] = pattern(i);
        std::memset(store_.data() + begin_, 0xff, n_ * sizeof(T));
    }
    Fenced(const Fenced&) = delete;
    Fenced& operator=(const Fenced&) = delete;
    T*       data()       { return reinterpret_cast<T*>(store_.data() + begin_); }
    const T* data() const { return reinterpret_cast<const T*>(store_.data() + begin_); }
    size_t   size() const { return n_; }
    T        operator[](size_t i) const { return data()[i]; }

    /// Empty, or where the first byte outside was overwritten.
    std::string broken() const {
        const size_t end = begin_ + n_ * sizeof(T);
        for (size_t i = 0; i < store_.size(); i++)
            if ((i < begin_ || i >= end) && store_[i] != pattern(i))
                return i < begin_ ? std::to_string(begin_ - i) + " bytes before the output was overwritten"
                                  : "byte " + std::to_string(i - end) + " after the output was overwritten";
        return {};
    }
    bool untouched() const {                                    // nothing was written at all
        for (size_t i = begin_; i < begin_ + n_ * sizeof(T); i++) if (store_[i] != 0xff) return false;
        return broken().empty();
    }
private:
    static constexpr size_t FENCE = 512;
    static unsigned char pattern(size_t i) { return static_cast<unsigned char>(0x5a ^ (i * 37)); }
    size_t n_, begin_ = 0;
    std::vector<unsigned char> store_;
};

/// Where a Guarded lies: its last byte before, or its first byte behind, a page that faults when touched.
enum class Edge { end, begin };

/// n elements between two inaccessible pages, pushed against one of them. Where pages cannot be had: plain memory.
template <class T> class Guarded {
public:
    explicit Guarded(size_t n, Edge edge = Edge::end) : n_(n) {
        const size_t page = page_size(), bytes = n * sizeof(T), body = (bytes + page - 1) / page * page;
        total_ = body + 2 * page;
        base_ = reserve(total_, page);
        data_ = base_ + page + (edge == Edge::end ? body - bytes : 0);
    }
    explicit Guarded(const std::vector<T>& v, Edge edge = Edge::end) : Guarded(v.size(), edge) {
        if (n_) std::memcpy(data_, v.data(), n_ * sizeof(T));
    }
    ~Guarded() { release(base_, total_); }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    T*       data()       { return reinterpret_cast<T*>(data_); }
    const T* data() const { return reinterpret_cast<const T*>(data_); }
    size_t   size() const { return n_; }
    T&       operator[](size_t i)       { return data()[i]; }
    const T& operator[](size_t i) const { return data()[i]; }
private:
#if defined(_WIN32)
    static size_t page_size() { SYSTEM_INFO info; GetSystemInfo(&info); return info.dwPageSize; }
    static unsigned char* reserve(size_t total, size_t page) {
        void* p = VirtualAlloc(nullptr, total, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
        if (!p) std::abort();
        auto* base = static_cast<unsigned char*>(p);
        DWORD old;
        VirtualProtect(base, page, PAGE_NOACCESS, &old);
        VirtualProtect(base + total - page, page, PAGE_NOACCESS, &old);
        return base;
    }
    static void release(unsigned char* p, size_t) { VirtualFree(p, 0, MEM_RELEASE); }
#elif defined(__unix__) || defined(__APPLE__)
    static size_t page_size() { return size_t(sysconf(_SC_PAGESIZE)); }
    static unsigned char* reserve(size_t total, size_t page) {
        void* p = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
        if (p == MAP_FAILED) std::abort();
        auto* base = static_cast<unsigned char*>(p);
        if (flag("GLLM_KERNELS_NO_GUARD")) return base;
        mprotect(base, page, PROT_NONE);
        mprotect(base + total - page, page, PROT_NONE);
        return base;
    }
    static void release(unsigned char* p, size_t total) { munmap(p, total); }
#else
    static size_t page_size() { return 4096; }
    static unsigned char* reserve(size_t total, size_t) { return static_cast<unsigned char*>(std::calloc(total, 1)); }
    static void release(unsigned char* p, size_t) { std::free(p); }
#endif
    size_t n_, total_;
    unsigned char *base_, *data_;
};

// ---- comparison -------------------------------------------------------------

/// Are these the same value bit for bit? Any NaN equals any other. Flushed subnormals equal zero where that is the machine's way.
template <class E> bool same(E a, E b) {
    const double x = oracle::value(a), y = oracle::value(b);
    if (x != x && y != y) return true;
    // flushed results, and results of a flushed scale times a code of at most 12
    if (!keeps_subnormals && std::fabs(x) < 12 * oracle::MIN_NORMAL && std::fabs(y) < 12 * oracle::MIN_NORMAL) return true;
    return oracle::bits_of(a) == oracle::bits_of(b);
}

/// Empty when all of got is acceptable, else a line about the worst element: the largest multiple of its bound.
template <class E> std::string compare(const E* got, const Want& want) {
    size_t worst = 0, misses = 0;
    double most = -1;
    for (size_t i = 0; i < want.size(); i++) {
        const double bound = want.bound[i] + (keeps_subnormals ? 0 : oracle::MIN_NORMAL);
        if (oracle::accept(got[i], want.value[i], bound)) continue;
        const double error = std::fabs(oracle::value(got[i]) - want.value[i]);
        const double times = error != error ? oracle::INF : error / (bound > 0 ? bound : oracle::MIN_SUBNORMAL);
        misses++;
        if (times > most) most = times, worst = i;
    }
    if (!misses) return {};
    std::ostringstream s;
    s.precision(10);
    s << misses << " of " << want.size() << " wrong; worst at [" << worst << "]: got " << oracle::value(got[worst]) << ", want "
      << want.value[worst] << ", error " << std::fabs(oracle::value(got[worst]) - want.value[worst]) << " = "
      << std::fabs(oracle::value(got[worst]) - want.value[worst]) / oracle::ulp<E>(want.value[worst]) << " ulp, bound "
      << want.bound[worst];
    return s.str();
}

/// Empty when got is want bit for bit, else a line about the first difference.
template <class E> std::string differ(const E* got, const E* want, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (same(got[i], want[i])) continue;
        std::ostringstream s;
        s.precision(10);
        s << "differs at [" << i << "] of " << n << ": got " << oracle::value(got[i]) << " (0x" << std::hex << oracle::bits_of(got[i])
          << "), want " << std::dec << oracle::value(want[i]) << " (0x" << std::hex << oracle::bits_of(want[i]) << ")";
        return s.str();
    }
    return {};
}

inline std::string shape(size_t n) { return "n=" + std::to_string(n); }
inline std::string shape(size_t m, size_t n) { return "m=" + std::to_string(m) + " n=" + std::to_string(n); }
inline std::string shape(size_t m, size_t n, size_t k) { return shape(m, n) + " k=" + std::to_string(k); }
inline std::string shape(size_t n, Data d) { return shape(n) + " " + data_name(d); }

#define TEST_INFO(op, isa, E, shape) \
    INFO(test::text(op) << " " << test::text(isa) << " " << test::text(oracle::Format<E>::name()) << " " << shape \
         << ", seed " << test::seed())

/// Runs run(kernels, out) on every instruction set into fenced outputs of n elements, twice at different alignments, which
/// must not change a bit, and hands each first output to judge(out), which returns what is wrong with it.
template <class E, class Run, class Judge>
void check_with(const char* op, const std::string& shape, size_t n, Run run, Judge judge) {
    static unsigned turn = 0;                                   // the second alignment: 1, 2 or 3 elements, by turns
    const size_t offset = turn++ % 3 + 1;
    for_each_isa<E>([&](const gllm::CpuKernels<E>& k, const char* isa) {
        TEST_INFO(op, isa, E, shape);
        Fenced<E> first(n, n > 100000 ? offset : 0);
        run(k, first.data());
        const std::string wrong = judge(static_cast<const E*>(first.data())), broken = first.broken();
        CHECK_MESSAGE(wrong.empty(), wrong);
        CHECK_MESSAGE(broken.empty(), broken);
        if (n > 100000) return;                                 // large outputs: once is enough
        Fenced<E> second(n, offset);
        run(k, second.data());
        const std::string moved = second.broken();
        CHECK_MESSAGE(moved.empty(), "output at offset " << offset << ": " << moved);
        CHECK_MESSAGE((n == 0 || std::memcmp(first.data(), second.data(), n * sizeof(E)) == 0),
                      "output at offset " << offset << ": " << differ(second.data(), first.data(), n));
    });
}

/// Against the oracle, within its bounds.
template <class E, class Run> void check_op(const char* op, const std::string& shape, const Want& want, Run run) {
    check_with<E>(op, shape, want.size(), run, [&](const E* out) { return compare(out, want); });
}

/// Against known bits.
template <class E, class Run> void check_bits(const char* op, const std::string& shape, const std::vector<E>& want, Run run) {
    check_with<E>(op, shape, want.size(), run, [&](const E* out) { return differ(out, want.data(), want.size()); });
}

/// Against the bits of the scalar instruction set.
template <class E, class Run> void check_exact(const char* op, const std::string& shape, size_t n, Run run) {
    gllm::CpuKernels<E> scalar;
    REQUIRE(scalar.select(gllm::Isa::scalar));
    std::vector<E> want(n + 1);
    run(static_cast<const gllm::CpuKernels<E>&>(scalar), want.data());
    check_with<E>(op, shape, n, run, [&](const E* out) { return differ(out, want.data(), n); });
}

/// A call that must be refused with this code, say why, and leave every byte of out alone: call(out) -> Status.
template <class E, class Call> void check_refused(const char* what, size_t n, gllm::Code code, Call call) {
    Fenced<E> out(n, 1);
    const gllm::Status status = call(out.data());
    INFO(text(what));
    CHECK_MESSAGE(int(status.code) == int(code), "code " << int(status.code) << ", want " << int(code) << ": " << text(status.what));
    CHECK((status.what && *status.what));
    CHECK_MESSAGE(out.untouched(), "the output was touched");
}

#ifdef GLLM_KERNELS_COMPILER
/// All operations of a pattern that have so many operands, the output among them, and no parameter.
inline std::vector<gllm::OpKind> kinds_of(gllm::ComputePattern pattern, size_t operands) {
    gllm::ScalarOpRegistry registry;
    std::vector<gllm::OpKind> kinds;
    for (int i = 0; i < int(gllm::OpKind::user); i++) {
        const gllm::OpTrace* const t = registry.find(gllm::OpKind(i));
        if (t && t->pattern == pattern && t->operands == operands && t->parameters == 0) kinds.push_back(t->kind);
    }
    return kinds;
}
#endif

} // namespace test

#endif
