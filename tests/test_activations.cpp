// exp, tanh, silu, the three gelus, swiglu, relu: catches an inaccurate polynomial or range reduction anywhere in the range of
// floats, lost subnormals, early overflow, a NaN turned into a number, and tails that differ from the vector body.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

using namespace oracle;
using namespace test;
using gllm::CpuKernels;

template <class E> struct Function {
    const char* name;
    double (*exact)(double);
    void (CpuKernels<E>::*call)(const E*, E*, size_t) const;
    double ulps;
    bool   subnormals;                                          // does the promise hold for subnormal results?
};

template <class E> const std::vector<Function<E>>& functions() {
    using K = CpuKernels<E>;
    static const std::vector<Function<E>> all = {
        { "exp",        [](double x) { return std::exp(x); },  &K::exp,        2, true },
        { "tanh",       [](double x) { return std::tanh(x); }, &K::tanh,       2, true },
        { "silu",       silu,                                  &K::silu,       4, false },
        { "gelu",       gelu,                                  &K::gelu,       4, false },
        { "gelu_erf",   gelu_erf,                              &K::gelu_erf,   4, false },
        { "gelu_quick", gelu_quick,                            &K::gelu_quick, 4, false },
    };
    return all;
}

inline double bound_of(double exact, double ulps, bool subnormals) {
    if (!subnormals && std::fabs(exact) < MIN_NORMAL) return MIN_NORMAL;
    return ulps * ulp<float>(exact);
}

/// The worst case of one instruction set in a sweep too long to judge element by element.
struct Worst {
    double times = 0, x = 0, got = 0, want = 0;
    size_t misses = 0;
    void see(double x_, double got_, double want_, double bound) {
        const double error = std::fabs(got_ - want_) / bound, t = error == error ? error : INF;
        misses++;
        if (t >= times) times = t, x = x_, got = got_, want = want_;
    }
};

/// Compares f on every instruction set over inputs that next(x) supplies in chunks; next returns how many, 0 at the end.
template <class E, class Next> void sweep(const Function<E>& f, const std::string& what, Next next) {
    constexpr size_t CHUNK = 4096;
    std::vector<E>      x(CHUNK), out(CHUNK);
    std::vector<double> want(CHUNK), bound(CHUNK);
    Worst worst[4];
    while (const size_t n = next(x.data(), CHUNK)) {
        for (size_t i = 0; i < n; i++) {
            want[i]  = f.exact(value(x[i]));
            bound[i] = bound_of(want[i], f.ulps, f.subnormals) + (keeps_subnormals ? 0 : MIN_NORMAL);
        }
        for_each_isa<E>([&](const CpuKernels<E>& k, const char*) {
            (k.*f.call)(x.data(), out.data(), n);
            Worst& w = worst[int(k.isa())];
            for (size_t i = 0; i < n; i++)
                if (!accept(out[i], want[i], bound[i])) w.see(value(x[i]), value(out[i]), want[i], bound[i]);
        });
    }
    for (gllm::Isa isa : gllm::all_isas) {
        const Worst& w = worst[int(isa)];
        TEST_INFO(f.name, gllm::isa_name(isa), E, what);
        CHECK_MESSAGE(w.misses == 0, w.misses << " wrong; worst " << w.times << " times the bound of " << f.ulps << " ulp, at x = "
                      << w.x << ": got " << w.got << ", want " << w.want);
    }
}

TEST_CASE("every kind of float") {                              // a stride through all bit patterns
    const uint64_t stride = full() ? 1 : small() ? 99991 : 797;
    for (const Function<float>& f : functions<float>()) {
        uint64_t bits = seed() % stride;
        sweep<float>(f, "over the bit patterns", [&](float* x, size_t room) {
            size_t n = 0;
            for (; n < room && bits < uint64_t(1) << 32; bits += stride) x[n++] = bit_cast<float>(uint32_t(bits));
            return n;
        });
    }
}

TEST_CASE("the interesting range") {                            // even steps where the functions are neither 0, 1 nor x
    const size_t count = small() ? 20000 : 1000000;
    for (const Function<float>& f : functions<float>()) {
        Rng    rng(1);
        size_t done = 0;
        sweep<float>(f, "in -105 .. 90", [&](float* x, size_t room) {
            size_t n = 0;
            for (; n < room && done < count; n++, done++) x[n] = float(done % 4 ? rng.uniform(-14, 14) : rng.uniform(-105, 90));
            return n;
        });
    }
}

TEST_CASE("where a reduction would switch") {                   // 17 neighbours of each multiple of ln 2 / 2, and of round numbers
    std::vector<float> centres;
    for (int i = -310; i <= 260; i++) centres.push_back(float(i * 0.34657359027997264));
    for (int i = -220; i <= 220; i++) centres.push_back(float(i) * 0.0625f), centres.push_back(float(i) * 0.5f);
    for (double edge : { 88.72283905206835, -87.33654475055310, -103.27892990343185, -103.97207708399179, 9.010913, 0.00024414062, -91.83 })
        centres.push_back(float(edge));
    for (const Function<float>& f : functions<float>()) {
        size_t c = 0;
        sweep<float>(f, "around the corners", [&](float* x, size_t room) {
            size_t n = 0;
            for (; n + 17 <= room && c < centres.size(); c++) {
                const int32_t bits = bit_cast<int32_t>(centres[c]);
                for (int d = -8; d <= 8; d++) x[n++] = (bits & 0x7fffffff) < 8 ? float(d) * 1e-45f : bit_cast<float>(bits + d);
            }
            return n;
        });
    }
}

TEST_CASE_TEMPLATE("every half", E, gllm::f16, gllm::bf16) {    // all 65536 of them
    const uint32_t stride = small() ? 37 : 1;
    for (const Function<E>& f : functions<E>()) {
        uint32_t bits = 0;
        sweep<E>(f, "all values", [&](E* x, size_t room) {
            size_t n = 0;
            for (; n < room && bits < 65536; bits += stride) x[n++].bits = uint16_t(bits);
            return n;
        });
    }
}

TEST_CASE_TEMPLATE("any length, any place, in place", E, ELEMENTS) {
    for (const Function<E>& f : functions<E>()) {
        for (size_t n : ragged()) {
            Rng rng(n);
            const Guarded<E> x(draw<E>(rng, n, n % 3 ? Data::gaussian : Data::specials), n % 2 ? Edge::end : Edge::begin);
            Want want;
            for (size_t i = 0; i < n; i++) {
                const double y = f.exact(value(x[i]));
                want.add(y, bound_of(y, f.ulps, f.subnormals));
            }
            check_op<E>(f.name, shape(n), want, [&](const CpuKernels<E>& k, E* out) { (k.*f.call)(x.data(), out, n); });
            check_op<E>(f.name, shape(n) + " in place", want, [&](const CpuKernels<E>& k, E* out) {
                if (n) std::memcpy(out, x.data(), n * sizeof(E));
                (k.*f.call)(out, out, n);
            });
        }
    }
}

TEST_CASE_TEMPLATE("the value does not depend on the place", E, ELEMENTS) {   // tails and vector bodies agree bit for bit
    const size_t n = 75;
    Rng rng(3);
    const std::vector<E> x = draw<E>(rng, n);
    for (const Function<E>& f : functions<E>())
        for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
            TEST_INFO(f.name, isa, E, "one at a time");
            std::vector<E> all(n), one(n);
            (k.*f.call)(x.data(), all.data(), n);
            for (size_t i = 0; i < n; i++) (k.*f.call)(&x[i], &one[i], 1);
            const std::string wrong = differ(one.data(), all.data(), n);
            CHECK_MESSAGE(wrong.empty(), wrong);
        });
}

TEST_CASE_TEMPLATE("relu", E, ELEMENTS) {
    for (Data mode : { Data::gaussian, Data::mixed, Data::specials })
        for (size_t n : ragged()) {
            Rng rng(n);
            const Guarded<E> x(draw<E>(rng, n, mode));
            Want want;
            for (size_t i = 0; i < n; i++) want.add(relu(value(x[i])), 0);
            const auto in_place = [&](const CpuKernels<E>& k, E* out) {
                if (n) std::memcpy(out, x.data(), n * sizeof(E));
                k.relu(out, out, n);
            };
            check_op<E>("relu", shape(n, mode), want, [&](const CpuKernels<E>& k, E* out) { k.relu(x.data(), out, n); });
            check_op<E>("relu in place", shape(n, mode), want, in_place);
            check_exact<E>("relu", shape(n, mode), n, in_place);
        }
}

// ---- swiglu -----------------------------------------------------------------

template <class E> void check_swiglu(const std::string& at, const std::vector<E>& gate, const std::vector<E>& up) {
    const size_t     n = gate.size();
    const Guarded<E> g(gate), u(up, Edge::begin);
    Want want;
    for (size_t i = 0; i < n; i++) {
        const double y = silu(value(g[i])) * value(u[i]);
        want.add(y, bound_of(y, 4, false));
    }
    check_op<E>("swiglu", at, want, [&](const CpuKernels<E>& k, E* out) { k.swiglu(g.data(), u.data(), out, n); });
    check_op<E>("swiglu, out = gate", at, want, [&](const CpuKernels<E>& k, E* out) {
        if (n) std::memcpy(out, g.data(), n * sizeof(E));
        k.swiglu(out, u.data(), out, n);
    });
    check_op<E>("swiglu, out = up", at, want, [&](const CpuKernels<E>& k, E* out) {
        if (n) std::memcpy(out, u.data(), n * sizeof(E));
        k.swiglu(g.data(), out, out, n);
    });
}

TEST_CASE_TEMPLATE("swiglu", E, ELEMENTS) {
    for (size_t n : ragged()) {
        Rng rng(n);
        const std::vector<E> gate = draw<E>(rng, n), up = draw<E>(rng, n);
        check_swiglu(shape(n), gate, up);
    }
    const size_t n = small() ? 1000 : 40000;
    for (double up : { 1.0, -3.0, 1e30, 1e-30, 3e38 }) {        // the gate all over, the other factor of any size
        Rng rng(size_t(std::fabs(up)) % 97);
        std::vector<E> gates(n), ups(n, round_to<E>(std::is_same<E, f16>::value && up > 1 ? 6e4 : up));
        for (E& g : gates) g = round_to<E>(rng.uniform(-87, 87));
        check_swiglu("up = " + std::to_string(up), gates, ups);
    }
}

TEST_CASE_TEMPLATE("swiglu where silu alone would underflow", E, float, gllm::bf16) {
    const size_t n = small() ? 500 : 10000;
    Rng rng(5);
    std::vector<E> gates(n), ups(n);
    for (size_t i = 0; i < n; i++) {
        gates[i] = round_to<E>(rng.uniform(-180, -87));
        ups[i]   = round_to<E>(rng.uniform(-1, 1) * 3e38);
    }
    check_swiglu("far negative gates, huge factors", gates, ups);
}

TEST_CASE_TEMPLATE("swiglu keeps NaN", E, ELEMENTS) {
    for (size_t at = 0; at < 35; at++) {
        std::vector<E> ones(35, round_to<E>(1)), one_nan = ones;
        one_nan[at] = round_to<E>(QNAN);
        check_swiglu("NaN gate", one_nan, ones);
        check_swiglu("NaN factor", ones, one_nan);
    }
}

TEST_CASE_TEMPLATE("n = 0 touches nothing", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char*) {
        Fenced<E> some(4);
        for (E* p : { static_cast<E*>(nullptr), some.data() }) {
            for (const Function<E>& f : functions<E>()) (k.*f.call)(p, p, 0);
            k.relu(p, p, 0);
            k.swiglu(p, p, p, 0);
        }
        CHECK(some.untouched());
    });
}
