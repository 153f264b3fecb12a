// Products with quantised weights: catches a weight decoded or paired wrongly, sums that overflow an integer or lose accuracy, blocks
// of k and edges of n that are dropped, reads out of bounds, NaN that spreads or vanishes, bits that depend on threads or alignment, and
// scratch memory that is larger than announced. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quant_oracle.hpp"

#include <cfenv>

using namespace test;
using gllm::Code;
using gllm::CpuKernels;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;
using oracle::round_to;
using quant::Bytes;
using quant::Fill;
using quant::Format;
using quant::formats;

constexpr Precision PRECISIONS[] = { Precision::exact, Precision::fast };

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << std::string(s.what)); }

// ---- inputs -----------------------------------------------------------------

/// gaussian; equal: one value; ones; outliers: one huge element among tiny ones in every group of 32; wide: 30 decades (f16: 8);
/// large, tiny: gaussians times 2^100, 2^-120 (f16: 2^8, 2^-18); sparse: most are zeros of both signs; zeros.
enum class Input { gaussian, equal, ones, outliers, wide, large, tiny, sparse, zeros };
constexpr Input INPUTS[] = { Input::gaussian, Input::equal,  Input::ones,   Input::outliers, Input::wide,
                             Input::large,    Input::tiny,   Input::sparse, Input::zeros };
static const char* const INPUT_NAMES[] = { "gaussian", "equal", "ones", "outliers", "wide", "large", "tiny", "sparse", "zeros" };

template <class E> std::vector<E> draw_input(Rng& rng, size_t n, Input kind) {
    const bool   half = std::is_same<E, gllm::f16>::value;
    const double one  = rng.gaussian();
    std::vector<E> x(n);
    size_t outlier = 0;
    for (size_t i = 0; i < n; i++) {
        const double g = rng.gaussian();
        if (i % 32 == 0) outlier = i + rng.below(32);
        double v = g;
        switch (kind) {
            case Input::gaussian: break;
            case Input::equal:    v = one; break;
            case Input::ones:     v = 1; break;
            case Input::outliers: v = i == outlier ? 1000 * g : g / 100; break;
            case Input::wide:     v = g * std::pow(10, (half ? 4 : 15) * rng.uniform(-1, 1)); break;
            case Input::large:    v = std::ldexp(g, half ? 8 : 100); break;
            case Input::tiny:     v = std::ldexp(g, half ? -18 : keeps_subnormals ? -120 : -80); break;
            case Input::sparse:   v = rng.below(8) ? (rng.below(2) ? 0.0 : -0.0) : g; break;
            case Input::zeros:    v = 0; break;
        }
        x[i] = round_to<E>(v);
    }
    return x;
}

/// A product of a format: weights and input against pages that fault, and what must come out.
template <class E> struct Case {
    QuantType type;
    size_t    m, n, k;
    Guarded<uint8_t> blocks;
    Guarded<E>       x;
    std::vector<double> w;
    oracle::Want     want;                                      // bounds not yet scaled to a promise
    Case(Rng& rng, QuantType type_, size_t m_, size_t n_, size_t blocks_, Input input, Fill fill = Fill::random,
        Edge edge = Edge::end)
        : type(type_), m(m_), n(n_), k(blocks_ * quant::format(type_).weights), blocks(quant::make_rows(rng, type_, n_, k,
            fill), edge),
          x(draw_input<E>(rng, m_ * k, input), edge), w(quant::decode(type_, blocks.data(), n_ * k)) {
        renew();
    }
    void renew() { want = quant::product(x.data(), w.data(), m, n, k); }
    oracle::Want promised(Precision p) const { return quant::promised(want, p, k); }
    std::string  name(const char* input) const { return quant::format(type).name + " " + shape(m, n, k) + " " + input; }
    Status run(const CpuKernels<E>& kernels, E* out, Precision p) const {
        return kernels.matmul(type, blocks.data(), x.data(), out, m, n, k, p);
    }
    void check(const std::string& at) const {
        for (Precision p : PRECISIONS)
            check_op<E>("matmul", at + (p == Precision::exact ? " exact" : " fast"), promised(p),
                        [&](const CpuKernels<E>& kernels, E* out) { expect_ok(run(kernels, out, p)); });
    }
};

// ---- every format -----------------------------------------------------------

TEST_CASE_TEMPLATE("matmul: every format, rows 1 to 33, ragged n", E, ELEMENTS) {
    const Sizes ms = small() ? Sizes{ 1, 2, 5, 9 } : Sizes{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 33 };
    const Sizes ns = { 1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 23, 24, 31, 32, 33, 37, 47, 48, 63, 64, 65, 70 };
    const Sizes ks = small() ? Sizes{ 1, 2 } : Sizes{ 1, 2, 3, 17 };
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 1000 * oracle::Format<E>::p);
        for (size_t i = 0; i < ms.size(); i++) {
            const size_t m = ms[i], blocks = ks[rng.below(ks.size())];
            size_t n = ns[rng.below(ns.size())];
            if (blocks == 17 && n > 24) n = n % 24 + 1;
            if (small() && n > 9) n = n % 9 + 1;
            const Input input = INPUTS[(i + size_t(f.type)) % 5];
            const Case<E> c(rng, f.type, m, n, blocks, input, Fill::random, i % 3 ? Edge::end : Edge::begin);
            c.check(c.name(INPUT_NAMES[int(input)]));
        }
    }
}

TEST_CASE_TEMPLATE("matmul: every kind of input", E, ELEMENTS) {
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 2000);
        for (Input input : INPUTS) {
            if (small() && int(input) % 3) continue;
            const Case<E> c(rng, f.type, 1 + 4 * rng.below(2), 3, f.weights < 256 ? 5 : 2, input);
            c.check(c.name(INPUT_NAMES[int(input)]));
        }
    }
}

TEST_CASE_TEMPLATE("matmul: extreme codes", E, ELEMENTS) {      // the largest integer sums of either sign
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 3000);
        for (Fill fill : { Fill::ones, Fill::zeros })
            for (Input input : { Input::ones, Input::equal, Input::gaussian }) {
                if (small() && input == Input::gaussian) continue;
                const Case<E> c(rng, f.type, input == Input::ones ? 1 : 9, 5, f.weights < 256 ? 9 : 3, input, fill);
                c.check(c.name(INPUT_NAMES[int(input)]) + (fill == Fill::ones ? " all bits set" : " all bits clear"));
            }
    }
}

TEST_CASE_TEMPLATE("matmul: long rows", E, ELEMENTS) {
    for (const Format& f : formats()) {
        Rng rng(uint64_t(f.type) + 4000);
        const size_t k = small() ? 2048 : std::is_same<E, float>::value ? 28672 : 11008;
        for (size_t m : Sizes{ 1, 5 }) {
            const Input input = m == 1 ? Input::gaussian : Input::equal;
            const Case<E> c(rng, f.type, m, 3, k / f.weights, input);
            c.check(c.name(INPUT_NAMES[int(input)]));
        }
    }
}

TEST_CASE("matmul: very long rows") {
    if (small()) return;
    for (QuantType type : { QuantType::Q4_K, QuantType::Q6_K, QuantType::IQ2_XXS, QuantType::Q8_0, QuantType::AWQ4 })
        for (size_t m : Sizes{ 1, 9 }) {
            Rng rng(m);
            const Case<float> c(rng, type, m, 2, 131072 / quant::format(type).weights, Input::ones, Fill::ones);
            c.check(c.name("ones"));
        }
}

TEST_CASE_TEMPLATE("matmul: many rows and columns", E, ELEMENTS) {
    for (const Format& f : formats()) {
        if (small() && size_t(f.type) % 5) continue;
        Rng rng(uint64_t(f.type) + 5000);
        const size_t m = small() ? 9 : 65, n = small() ? 20 : 131;
        const Case<E> c(rng, f.type, m, n, f.weights < 256 ? 17 : 2, Input::gaussian);
        c.check(c.name("gaussian"));
    }
}

// ---- the other names --------------------------------------------------------

TEST_CASE_TEMPLATE("kquant_matmul, iq_matmul, squeeze_matmul are matmul", E, ELEMENTS) {
    for (const Format& f : formats()) {
        const bool squeeze = f.type == QuantType::SQUEEZE;
        if (!quant::is_kquant(f.type) && !quant::is_iq(f.type) && !squeeze) continue;
        Rng rng(uint64_t(f.type) + 6000);
        for (size_t m : Sizes{ 1, 6 }) {
            const Case<E> c(rng, f.type, m, 11, 2, Input::gaussian);
            for (Precision p : PRECISIONS) {
                if (squeeze && p == Precision::fast) continue;
                check_op<E>(f.name.c_str(), c.name("by name"), c.promised(p), [&](const CpuKernels<E>& k, E* out) {
                    expect_ok(squeeze ? k.squeeze_matmul(c.blocks.data(), c.x.data(), out, m, c.n, c.k)
                        : quant::is_iq(f.type) ? k.iq_matmul(c.blocks.data(), c.x.data(), out, f.type, m, c.n, c.k, p)
                        : k.kquant_matmul(c.blocks.data(), c.x.data(), out, f.type, m, c.n, c.k, p));
                });
            }
        }
    }
}

// ---- NaN and infinities -----------------------------------------------------

TEST_CASE_TEMPLATE("NaN and infinities of an input row stay in that row", E, ELEMENTS) {
    for (const Format& f : formats())
        for (size_t m : small() ? Sizes{ 2 } : Sizes{ 1, 3, 17 })
            for (double bad : { oracle::QNAN, oracle::INF, -oracle::INF }) {
                Rng rng(uint64_t(f.type) + 7000);
                Case<E> c(rng, f.type, m, 9, f.weights < 256 ? 9 : 2, Input::gaussian);
                const size_t row = m / 2, at = rng.below(c.k);
                c.x[row * c.k + at] = round_to<E>(bad);
                c.renew();
                for (Precision p : PRECISIONS) {
                    oracle::Want want = c.promised(p);
                    for (size_t j = 0; j < c.n; j++) want.value[row * c.n + j] = 0, want.bound[row * c.n + j] = oracle::INF;
                    check_with<E>("matmul", c.name("bad input") + " " + std::to_string(bad), m * c.n,
                        [&](const CpuKernels<E>& k, E* out) { expect_ok(c.run(k, out, p)); },
                        [&](const E* out) -> std::string {
                            for (size_t j = 0; j < c.n; j++) {
                                const double y = oracle::value(out[row * c.n + j]);
                                if (bad != bad ? y == y : std::isfinite(y)) return "hidden at output " + std::to_string(j);
                            }
                            std::vector<E> rest(out, out + m * c.n);
                            for (size_t j = 0; j < c.n; j++) rest[row * c.n + j] = E{};
                            return compare(rest.data(), want);
                        });
                }
            }
}

TEST_CASE_TEMPLATE("a corrupt scale spoils its output only", E, float, gllm::bf16) {
    for (const Format& f : formats()) {
        if (f.halves.empty() && f.singles.empty()) continue;
        for (size_t m : Sizes{ 1, 9 })
            for (bool nan : { false, true }) {
                Rng rng(uint64_t(f.type) + 8000);
                Case<E> c(rng, f.type, m, 7, f.weights < 256 ? 9 : 2, Input::gaussian);
                uint8_t* block = c.blocks.data() + (3 * (c.k / f.weights) + 1) * f.bytes;     // of output 3
                for (size_t i = 0; i < f.halves.size(); i++) quant::put_half(f, block, i, nan ? 0x7e00 : 0x7c00);
                for (size_t at : f.singles) quant::put(block + at, nan ? 0x7fc00000 : 0x7f800000, 4);
                for (Precision p : PRECISIONS) {
                    oracle::Want want = c.promised(p);
                    for (size_t i = 0; i < m; i++) want.value[i * c.n + 3] = 0, want.bound[i * c.n + 3] = oracle::INF;
                    check_with<E>("matmul", c.name(nan ? "NaN scale" : "infinite scale"), m * c.n,
                        [&](const CpuKernels<E>& k, E* out) { expect_ok(c.run(k, out, p)); },
                        [&](const E* out) -> std::string {
                            std::vector<E> rest(out, out + m * c.n);
                            for (size_t i = 0; i < m; i++) {
                                if (std::isfinite(oracle::value(rest[i * c.n + 3]))) return "hidden in row " + std::to_string(i);
                                rest[i * c.n + 3] = E{};
                            }
                            return compare(rest.data(), want);
                        });
                }
            }
    }
}

// ---- weights that are zero --------------------------------------------------

/// A block of a format with offsets whose every weight is scale * code + offset = 0, at any size of the scale.
static Bytes zero_block(Rng& rng, QuantType type) {
    Bytes b(quant::format(type).bytes);
    const auto half = [](double v) { return round_to<gllm::f16>(v).bits; };
    const auto fill = [&](size_t from, size_t count, unsigned byte) { std::memset(b.data() + from, int(byte), count); };
    const double d = std::ldexp(1.0 + double(rng.below(16)) / 16, int(rng.below(12)) - 10);
    const unsigned q = 1 + unsigned(rng.below(3));              // the code; products are exact
    switch (type) {
        case QuantType::AWQ4: case QuantType::GPTQ4:
            quant::put(b.data(), half(d), 2), quant::put(b.data() + 2, half(5 * q), 2), fill(8, 64, 5 * q * 0x11);
            break;
        case QuantType::Q4_1:
            quant::put(b.data(), half(d), 2), quant::put(b.data() + 2, half(-d * q), 2), fill(4, 16, q * 0x11);
            break;
        case QuantType::Q5_1:                                   // codes 16 + q
            quant::put(b.data(), half(d), 2), quant::put(b.data() + 2, half(-d * (16 + q)), 2), fill(4, 4, 0xff), fill(8, 16, q * 0x11);
            break;
        case QuantType::Q2_K:
            quant::put(b.data() + 80, half(d), 2), quant::put(b.data() + 82, half(d), 2), fill(0, 16, 2 + (2 * q << 4)), fill(16, 64, q * 0x55);
            break;
        default: {                                              // Q4_K, Q5_K: scale 2, minimum 2 q
            const bool five = type == QuantType::Q5_K;
            quant::put(b.data(), half(d), 2), quant::put(b.data() + 2, half(d), 2);
            fill(4, 4, 2), fill(8, 4, 2 * q), fill(12, 4, 2 + (2 * q << 4)), fill(five ? 48 : 16, 128, q * 0x11);
        }
    }
    return b;
}

TEST_CASE_TEMPLATE("weights that an offset makes zero count for nothing", E, ELEMENTS) {
    for (QuantType type : { QuantType::AWQ4, QuantType::GPTQ4, QuantType::Q4_1, QuantType::Q5_1, QuantType::Q2_K, QuantType::Q4_K, QuantType::Q5_K })
        for (size_t m : Sizes{ 1, 4, 9 })
            for (bool all : { true, false })
                for (Input input : { Input::gaussian, Input::outliers, Input::equal }) {
                    const Format& f = quant::format(type);
                    Rng rng(uint64_t(type) * 100 + m);
                    Case<E> c(rng, type, m, 5, f.weights < 256 ? 16 : 4, input);
                    const size_t spoilt = rng.below(c.blocks.size() / f.bytes);
                    for (size_t block = 0; block * f.bytes < c.blocks.size(); block++) {
                        Bytes b = zero_block(rng, type);
                        if (!all && block == spoilt) b[(type == QuantType::Q2_K ? 79 : f.bytes - 1) - rng.below(16)] ^= 0x11;     // two codes
                        std::memcpy(c.blocks.data() + block * f.bytes, b.data(), f.bytes);
                    }
                    c.w = quant::decode(type, c.blocks.data(), c.n * c.k);
                    size_t zeros = 0;
                    for (double w : c.w) zeros += w == 0;
                    CHECK((all ? zeros == c.w.size() : zeros < c.w.size() && zeros + 5 > c.w.size()));
                    c.renew();
                    c.check(c.name(INPUT_NAMES[int(input)]) + (all ? " all zero" : " all but a few zero"));
                }
}

TEST_CASE("a caller's rounding mode makes no input wrap around") {
    for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
        if (gllm::isa_presence(k.isa()) == gllm::Presence::emulated) return;    // SIMDe rounds in the mode of this CPU
        for (QuantType type : { QuantType::TQ2_0, QuantType::Q4_0, QuantType::Q8_0, QuantType::Q6_K })
            for (size_t m : Sizes{ 1, 4, 16, 40 })
                for (Precision p : PRECISIONS) {
                    TEST_INFO("matmul", isa, float, quant::format(type).name << " m=" << m << test::text(p == Precision::fast ? " fast" : " exact"));
                    Rng rng(m);
                    Case<float> c(rng, type, m, 8, 256, Input::gaussian);
                    std::vector<float> x(m * c.k), want(m * c.n), got(m * c.n);
                    for (size_t i = 0; i < x.size(); i++) x[i] = 1 + float(i / c.k % 8) / 77;       // times 127 / x, rounded up: 128
                    expect_ok(k.matmul(type, c.blocks.data(), x.data(), want.data(), m, c.n, c.k, p));
                    for (int mode : { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO }) {
                        INFO("mode " << mode);
                        std::fesetround(mode);
                        const Status status = k.matmul(type, c.blocks.data(), x.data(), got.data(), m, c.n, c.k, p);
                        std::fesetround(FE_TONEAREST);
                        expect_ok(status);
                        for (size_t i = 0; i < got.size(); i++) {
                            double all = 0;
                            for (size_t j = 0; j < c.k; j++) all += std::fabs(c.w[i % c.n * c.k + j]);
                            CHECK(std::fabs(double(got[i]) - double(want[i])) <= 1e-2 * all);
                        }
                    }
                }
    });
}

TEST_CASE_TEMPLATE("huge scales over codes of zero, or over small inputs", E, float, gllm::bf16) {
    for (QuantType type : { QuantType::MXFP4, QuantType::Q8_K })
        for (size_t m : Sizes{ 1, 4, 9, 25 })
            for (double size : { 1.0, 1e-6, 1e30, 3e38 })       // of the inputs
                for (int kind = 0; kind < 3; kind++) {          // all codes zero; a few blocks ordinary; one code in each block, inputs small
                    if (kind == 2 && size > 1e-5) continue;
                    const Format& f = quant::format(type);
                    Rng rng(m);
                    Case<E> c(rng, type, m, 5, f.weights < 256 ? 16 : 3, Input::gaussian);
                    for (size_t i = 0; i < c.x.size(); i++)
                        c.x[i] = round_to<E>(kind == 1 && i % c.k < f.weights ? rng.uniform(-1, 1) : size * rng.uniform(-1, 1));
                    for (size_t block = 0; block * f.bytes < c.blocks.size(); block++) {
                        if (kind == 1 && block * f.weights % c.k == 0) continue;
                        uint8_t* const b = c.blocks.data() + block * f.bytes;
                        std::memset(b, 0, f.bytes);
                        const size_t at = rng.below(16);
                        if (type == QuantType::MXFP4) b[0] = uint8_t(kind == 2 ? 240 : 240 + rng.below(13));
                        else quant::put(b, oracle::bits_of(3e38f), 4);
                        if (kind == 2 && type == QuantType::MXFP4) b[1 + at] = 1;
                        if (kind == 2 && type == QuantType::Q8_K) b[4 + at] = 1, b[260] = 1;
                    }
                    c.w = quant::decode(type, c.blocks.data(), c.n * c.k);
                    c.renew();
                    c.check(c.name(kind == 0 ? "zero codes" : kind == 1 ? "zero codes but in one block" : "one code a block")
                            + ", inputs of " + std::to_string(size));
                }
}

// ---- same bits --------------------------------------------------------------

TEST_CASE_TEMPLATE("threads and alignment change no bit", E, ELEMENTS) {
    gllm::ThreadPool one(1), two(2), three(3);
    for (const Format& f : formats())
        for (size_t m : small() ? Sizes{ 1 } : Sizes{ 1, 4, 19 }) {
            Rng rng(uint64_t(f.type) + 9000);
            const Case<E> c(rng, f.type, m, small() ? 37 : 133, small() ? 1 : 1024 / f.weights, Input::gaussian);
            for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
                for (Precision p : PRECISIONS) {
                    TEST_INFO("matmul", isa, E, c.name("threads"));
                    std::vector<E> want(m * c.n);
                    expect_ok(c.run(k, want.data(), p));
                    for (gllm::ThreadPool* pool : { &one, &two, &three }) {
                        CpuKernels<E> threaded = k;
                        threaded.parallel = pool->parallel();
                        Fenced<E> out(m * c.n, 1);
                        expect_ok(c.run(threaded, out.data(), p));
                        const std::string wrong = differ(out.data(), want.data(), want.size()) + out.broken();
                        CHECK_MESSAGE(wrong.empty(), threaded.parallel.width << " threads: " << wrong);
                    }
                    for (size_t offset : Sizes{ 1, 2, 7, 33 }) {
                        Guarded<uint8_t> blocks(c.blocks.size() + offset, Edge::begin);
                        std::memcpy(blocks.data() + offset, c.blocks.data(), c.blocks.size());
                        Fenced<E> x(c.x.size(), offset), out(m * c.n, offset + 1);
                        std::memcpy(x.data(), c.x.data(), c.x.size() * sizeof(E));
                        expect_ok(k.matmul(f.type, blocks.data() + offset, x.data(), out.data(), m, c.n, c.k, p));
                        const std::string wrong = differ(out.data(), want.data(), want.size()) + out.broken();
                        CHECK_MESSAGE(wrong.empty(), "offset " << offset << ": " << wrong);
                    }
                }
            });
        }
}

// ---- memory -----------------------------------------------------------------

TEST_CASE_TEMPLATE("workspace: matmul_workspace_bytes suffices, nothing is allocated, too little is refused or enough", E,
    ELEMENTS) {
    gllm::ThreadPool two(2);
    for (const Format& f : formats()) {
        if (small() && size_t(f.type) % 4) continue;
        for (size_t m : Sizes{ 1, 5, 40 })
            for (bool threaded : { false, true })
                for (Precision p : PRECISIONS) {
                    Rng rng(uint64_t(f.type) + 10000);
                    const Case<E> c(rng, f.type, m, 35, f.weights < 256 ? 5 : 2, Input::gaussian);
                    for_each_isa<E>([&](CpuKernels<E> plain, const char* isa) {
                        TEST_INFO("matmul", isa, E, c.name("workspace"));
                        if (threaded) plain.parallel = two.parallel();
                        std::vector<E> want(m * c.n);
                        expect_ok(c.run(plain, want.data(), p));
                        const size_t bytes = plain.matmul_workspace_bytes(f.type, m, c.n, c.k, p);
                        const long   before = allocations_ever();
                        for (size_t more : Sizes{ 0, 1, 7 }) {
                            Guarded<uint8_t> scratch(bytes + more);
                            CpuKernels<E> k = plain;
                            k.workspace = { scratch.data() + more, bytes };
                            Fenced<E> out(m * c.n);
                            expect_ok(c.run(k, out.data(), p));
                            CHECK_MESSAGE(differ(out.data(), want.data(), want.size()).empty(), "other bits with a workspace");
                        }
                        for (size_t less : { bytes - 1, bytes / 2, size_t(64), size_t(1), size_t(0) }) {
                            if (less >= bytes) continue;
                            Guarded<uint8_t> scratch(less + 1, Edge::end);
                            CpuKernels<E> k = plain;
                            k.workspace = { scratch.data() + 1, less };
                            Fenced<E> out(m * c.n);
                            const Status s = c.run(k, out.data(), p);
                            if (s) CHECK(differ(out.data(), want.data(), want.size()).empty());
                            else CHECK((s.code == Code::out_of_memory && s.what && *s.what && out.untouched()));
                        }
                        CHECK_MESSAGE(allocations_ever() == before, "it allocates beside the workspace");
                        fail_allocations(true);
                        Fenced<E> out(m * c.n);
                        const Status s = c.run(plain, out.data(), p);
                        fail_allocations(false);
                        if (s) CHECK(differ(out.data(), want.data(), want.size()).empty());
                        else CHECK((s.code == Code::out_of_memory && s.what && *s.what && out.untouched()));
                        CHECK(allocations() == 0);
                        CHECK(overruns() == 0);
                    });
                }
    }
}

TEST_CASE_TEMPLATE("some product needs scratch memory", E, ELEMENTS) {   // or the tests above prove nothing
    for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
        TEST_INFO("matmul", isa, E, "scratch");
        Rng rng(1);
        size_t refused = 0, announced = 0;
        for (size_t m : Sizes{ 1, 5, 40 }) {
            const Case<E> c(rng, QuantType::Q4_K, m, 35, 2, Input::gaussian);
            uint8_t byte = 0;
            announced += k.matmul_workspace_bytes(c.type, m, c.n, c.k) > 1;
            k.workspace = { &byte, 1 };
            std::vector<E> out(m * c.n);
            refused += c.run(k, out.data(), Precision::exact).code == Code::out_of_memory;
            k.workspace = {};
        }
        CHECK((refused > 0 || announced == 0));
    });
}

// ---- scales ------------------------------------------------------------------

TEST_CASE_TEMPLATE("every scale byte of NVFP4", E, ELEMENTS) {  // 0x7f is 0, 0xff is not
    const size_t n = 16, k = 256, bytes = 36;                   // 16 scales a row
    std::vector<uint8_t> blocks(n * k / 64 * bytes, 0x27);
    for (size_t i = 0; i < n * k / 16; i++) blocks[i / 4 * bytes + i % 4] = uint8_t(i);
    const std::vector<double> w = quant::decode(QuantType::NVFP4, blocks.data(), n * k);
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        for (Precision p : PRECISIONS)
            for (size_t m : Sizes{ 1, 5 }) {
                TEST_INFO("matmul", isa, E, "NVFP4 m=" << m);
                const std::vector<E> x(m * k, round_to<E>(1));
                Fenced<E> y(m * n);
                expect_ok(kernels.matmul(QuantType::NVFP4, blocks.data(), x.data(), y.data(), m, n, k, p));
                const std::string wrong = compare(y.data(), quant::promised(quant::product(x.data(), w.data(), m, n, k), p, k));
                CHECK_MESSAGE(wrong.empty(), wrong);
            }
    });
}

// ---- nothing to do ----------------------------------------------------------

TEST_CASE_TEMPLATE("m = 0, n = 0, k = 0", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        const E* none = nullptr;
        for (const Format& f : formats())
            for (Precision p : PRECISIONS) {
                TEST_INFO("matmul", isa, E, f.name);
                Fenced<E> out(20);
                for (E* y : { static_cast<E*>(nullptr), out.data() }) {
                    expect_ok(k.matmul(f.type, nullptr, none, y, 0, 0, 0, p));
                    expect_ok(k.matmul(f.type, nullptr, none, y, 3, 0, 0, p));
                    expect_ok(k.matmul(f.type, nullptr, none, y, 0, 3, 0, p));
                    const Bytes blocks(4 * f.bytes);
                    const std::vector<E> x(3 * f.weights);
                    expect_ok(k.matmul(f.type, blocks.data(), none, y, 0, 4, f.weights, p));
                    expect_ok(k.matmul(f.type, nullptr, x.data(), y, 3, 0, f.weights, p));
                }
                CHECK(out.untouched());
                for (size_t m : Sizes{ 1, 2, 4, 9 }) {
                    Fenced<E> zeros(m * 5);
                    expect_ok(k.matmul(f.type, nullptr, none, zeros.data(), m, 5, 0, p));
                    for (size_t i = 0; i < m * 5; i++) CHECK(oracle::value(zeros[i]) == 0);
                    CHECK(zeros.broken().empty());
                }
            }
    });
}

// ---- plain codes ------------------------------------------------------------

template <class E> E gemv_plain(const CpuKernels<E>& k, int width, const void* w, const E* x, float scale, size_t n) {
    switch (width) {
        case 8:  return k.gemv_q8(w, x, scale, n);
        case 4:  return k.gemv_q4(w, x, scale, n);
        case 2:  return k.gemv_q2(w, x, scale, n);
        default: return k.gemv_q1(w, x, scale, n);
    }
}

static std::vector<double> plain_weights(int width, const uint8_t* codes, size_t n, size_t k) {
    std::vector<double> w(n * k);
    const size_t stride = quant::plain_row_bytes(width, k);
    for (size_t i = 0; i < n * k; i++) w[i] = quant::plain_code(width, codes + i / k * stride, i % k);
    return w;
}

static Bytes plain_rows(Rng& rng, int width, size_t n, size_t k, Fill fill) {
    Bytes b(n * quant::plain_row_bytes(width, k));
    for (uint8_t& byte : b) byte = fill == Fill::random ? uint8_t(rng.bits() >> 56) : fill == Fill::ones ? 0xff : 0;
    return b;
}

/// Lengths 1 to 70, primes and multiples of much.
static Sizes plain_lengths() {
    Sizes s;
    for (size_t n = 1; n <= 70; n += small() ? 7 : 1) s.push_back(n);
    const Sizes more = small() ? Sizes{ 127, 256 } : Sizes{ 97, 127, 128, 129, 211, 255, 256, 257, 509, 1021, 1024, 1025, 2053, 4096, 4099 };
    s.insert(s.end(), more.begin(), more.end());
    return s;
}

TEST_CASE_TEMPLATE("gemv_q8, gemv_q4, gemv_q2, gemv_q1", E, ELEMENTS) {
    static const char* const names[] = { "", "gemv_q1", "gemv_q2", "", "gemv_q4", "", "", "", "gemv_q8" };
    for (int width : { 8, 4, 2, 1 })
        for (size_t n : plain_lengths()) {
            Rng rng(n * 10 + size_t(width));
            const Fill  fill  = n % 5 == 1 ? Fill::ones : n % 5 == 3 ? Fill::zeros : Fill::random;
            const Input input = fill == Fill::random ? INPUTS[n % 6] : Input::ones;
            const Guarded<uint8_t> codes(plain_rows(rng, width, 1, n, fill), n % 2 ? Edge::end : Edge::begin);
            const Guarded<E>       x(draw_input<E>(rng, n, input), n % 2 ? Edge::end : Edge::begin);
            const float scale = float(n % 11 == 0 ? 0 : rng.gaussian() / 16);
            std::vector<double> w = plain_weights(width, codes.data(), 1, n);
            for (double& v : w) v *= double(scale);
            const oracle::Want want = quant::promised(quant::product(x.data(), w.data(), 1, 1, n), Precision::exact, n);
            check_op<E>(names[width], shape(n) + " " + INPUT_NAMES[int(input)], want,
                        [&](const CpuKernels<E>& k, E* out) { *out = gemv_plain<E>(k, width, codes.data(), x.data(), scale, n); });
        }
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        for (int width : { 8, 4, 2, 1 }) {
            TEST_INFO(names[width], isa, E, "n=0 and NaN");
            CHECK(oracle::value(gemv_plain<E>(k, width, nullptr, nullptr, 2.0f, 0)) == 0);
            for (size_t at : Sizes{ 0, 31, 36 }) {
                const Bytes codes(37, 0x5a);
                std::vector<E> x(37, round_to<E>(1.0));
                x[at] = round_to<E>(oracle::QNAN);
                const double y = oracle::value(gemv_plain<E>(k, width, codes.data(), x.data(), 1.0f, 37));
                CHECK(y != y);
                const double z = oracle::value(gemv_plain<E>(k, width, codes.data(), std::vector<E>(37,
                    round_to<E>(1.0)).data(), NAN, 37));
                CHECK(z != z);
            }
        }
    });
}

template <class E> void check_plain_gemm(int width, size_t m, size_t n, size_t k, Input input, Fill fill, Edge edge) {
    Rng rng(m * 1000003 + n * 1009 + k + size_t(width));
    const Guarded<uint8_t> codes(plain_rows(rng, width, n, k, fill), edge);
    const Guarded<E>       x(draw_input<E>(rng, m * k, input), edge);
    std::vector<E> s(n);
    for (E& e : s) e = round_to<E>(rng.below(20) ? rng.gaussian() / 16 : 0);
    const Guarded<E> scales(s, edge);
    std::vector<double> w = plain_weights(width, codes.data(), n, k);
    for (size_t i = 0; i < n * k; i++) w[i] *= oracle::value(s[i / k]);
    const oracle::Want want = quant::product(x.data(), w.data(), m, n, k);
    for (Precision p : PRECISIONS)
        check_op<E>(width == 8 ? "gemm_q8" : "gemm_q4", shape(m, n, k) + " " + INPUT_NAMES[int(input)] + (p == Precision::exact ? " exact" : " fast"),
                    quant::promised(want, p, k),
                    [&](const CpuKernels<E>& kk, E* out) {
                        expect_ok(width == 8 ? kk.gemm_q8(codes.data(), x.data(), out, scales.data(), m, n, k, p)
                                             : kk.gemm_q4(codes.data(), x.data(), out, scales.data(), m, n, k, p));
                    });
}

TEST_CASE_TEMPLATE("gemm_q8, gemm_q4", E, ELEMENTS) {
    const Sizes ms = { 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33 }, ns = { 1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 47, 64, 65, 70 };
    for (int width : { 8, 4 }) {
        for (size_t k : plain_lengths()) {
            Rng rng(k);
            const size_t m = ms[rng.below(ms.size())], n = k > 1000 ? 1 + rng.below(9) : ns[rng.below(ns.size())];
            const Fill   fill = k % 7 == 1 ? Fill::ones : k % 7 == 2 ? Fill::zeros : Fill::random;
            check_plain_gemm<E>(width, m, n, k, fill == Fill::random ? INPUTS[k % 6] : Input::ones, fill,
                k % 2 ? Edge::end : Edge::begin);
        }
        check_plain_gemm<E>(width, 3, 2, small() ? 1031 : 28673, Input::equal, Fill::ones, Edge::end);
        for (Input input : INPUTS) check_plain_gemm<E>(width, 8 + size_t(input), 35, 545 + size_t(input) * 13, input, Fill::random, Edge::end);
        for (Input input : INPUTS) check_plain_gemm<E>(width, 24 + size_t(input), 33, 1023 + size_t(input) * 33, input, Fill::random, Edge::begin);
        for (Fill fill : { Fill::ones, Fill::random }) check_plain_gemm<E>(width, 65, 133, 1025, Input::equal, fill, Edge::begin);
        check_plain_gemm<E>(width, 8, 2, 12289, Input::gaussian, Fill::random, Edge::end);
    }
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("gemm_q8, gemm_q4", isa, E, "nothing to do");
        const E* none = nullptr;
        const std::vector<E> scales(6, round_to<E>(2.0)), x(18, round_to<E>(1.0));
        Fenced<E> out(6);
        expect_ok(k.gemm_q8(nullptr, none, out.data(), none, 0, 0, 0));
        expect_ok(k.gemm_q8(nullptr, x.data(), out.data(), none, 2, 0, 9));
        expect_ok(k.gemm_q4(nullptr, x.data(), out.data(), none, 2, 0, 9));
        CHECK(out.untouched());
        expect_ok(k.gemm_q8(nullptr, none, out.data(), scales.data(), 2, 3, 0));
        for (size_t i = 0; i < 6; i++) CHECK(oracle::value(out[i]) == 0);
        expect_ok(k.gemm_q4(nullptr, none, out.data(), scales.data(), 1, 6, 0));
        for (size_t i = 0; i < 6; i++) CHECK(oracle::value(out[i]) == 0);
        CHECK(out.broken().empty());
    });
}

/// A group of 32 that no fixed point holds: a NaN, an infinity, numbers too small, too large, subnormal.
template <class E> void spoil(Rng& rng, E* row, size_t k, int kind) {
    E* const group = row + rng.below(k / 32) * 32;
    if (kind < 2) { group[rng.below(32)] = round_to<E>(kind ? oracle::QNAN : -oracle::INF); return; }
    const double by = kind == 2 ? 1e-25 : kind == 3 ? 1e25 : 1e-39;
    for (size_t i = 0; i < 32; i++) group[i] = round_to<E>(rng.gaussian() * by);
}
/// Tiles of AMX take up to 32 rows together to floats.
inline bool in_amx(gllm::Isa isa, size_t m) {
    return isa == gllm::Isa::avx512 && m >= 8 && (gllm::cpu_features().amx_bf16 || gllm::cpu_features().amx_int8);
}

/// call(kernels, x, out): rows of x alone decide what rows of out are.
template <class E, class Call> void check_rows_alone(Rng& rng, const std::string& at, size_t m, size_t n, size_t k, Call call) {
    const std::vector<E> clean = draw_input<E>(rng, m * k, Input::gaussian);
    for (int kind = 0; kind < 5; kind++) {
        const size_t first = rng.below(m), second = (first + 1 + rng.below(m - 1)) % m;
        std::vector<E> one = clean;
        spoil(rng, &one[first * k], k, kind);
        std::vector<E> two = one;
        spoil(rng, &two[second * k], k, (kind + 1) % 5);
        for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
            if (in_amx(kernels.isa(), m)) return;
            TEST_INFO("rows alone", isa, E, at << ", row " << first << " spoiled by " << kind << ", then " << second);
            std::vector<E> of_clean(m * n), of_one(m * n), of_two(m * n);
            expect_ok(call(kernels, clean.data(), of_clean.data()));
            expect_ok(call(kernels, one.data(), of_one.data()));
            expect_ok(call(kernels, two.data(), of_two.data()));
            for (size_t i = 0; i < m; i++) {
                const std::string others = i == first ? "" : differ(&of_one[i * n], &of_clean[i * n], n);
                const std::string twice  = i == second ? "" : differ(&of_two[i * n], &of_one[i * n], n);
                CHECK_MESSAGE(others.empty(), "row " << i << ": " << others);
                CHECK_MESSAGE(twice.empty(), "row " << i << " beside a second one: " << twice);
            }
        });
    }
}

TEST_CASE_TEMPLATE("a row's bits depend on no other row", E, ELEMENTS) {
    for (Precision p : PRECISIONS) {
        for (const Format& f : formats())
            for (size_t m : small() ? Sizes{ 5 } : Sizes{ 2, 5, 14, 31 }) {
                Rng rng(uint64_t(f.type) + 7100 + m);
                const size_t n = 35, k = 768;
                const Bytes  blocks = quant::make_rows(rng, f.type, n, k, Fill::random);
                check_rows_alone<E>(rng, quant::format(f.type).name + " " + shape(m, n, k), m, n, k,
                                    [&](const CpuKernels<E>& kernels, const E* x, E* out) {
                    return kernels.matmul(f.type, blocks.data(), x, out, m, n, k, p);
                });
            }
        for (int width : { 8, 4 })
            for (size_t m : small() ? Sizes{ 9 } : Sizes{ 2, 9, 31 }) {
                Rng rng(uint64_t(width) + 7200 + m);
                const size_t n = 35, k = 1100;
                const Bytes  codes = plain_rows(rng, width, n, k, Fill::random);
                const std::vector<E> ones(n, round_to<E>(1.0));
                check_rows_alone<E>(rng, "bits " + std::to_string(width) + " " + shape(m, n, k), m, n, k,
                                    [&](const CpuKernels<E>& kernels, const E* x, E* out) {
                    return width == 8 ? kernels.gemm_q8(codes.data(), x, out, ones.data(), m, n, k, p)
                                      : kernels.gemm_q4(codes.data(), x, out, ones.data(), m, n, k, p);
                });
            }
    }
}

// ---- inputs prepared ahead ------------------------------------------------------

TEST_CASE_TEMPLATE("matmul_prepared: the bits of matmul, whatever format the input was prepared for", E, ELEMENTS) {
    gllm::ThreadPool three(3);
    const size_t k = 768;
    for (const Format& f : formats())
        for (size_t m : small() ? Sizes{ 1, 5 } : Sizes{ 1, 2, 5, 14, 33 }) {
            Rng rng(uint64_t(f.type) + 7300 + m);
            const QuantType type = formats()[rng.below(formats().size())].type;        // of the weights
            const size_t    n    = rng.below(4) ? 35 : 3;
            const Precision p    = PRECISIONS[rng.below(2)];
            const Bytes     blocks = quant::make_rows(rng, type, n, k, Fill::random);
            std::vector<E>  rows   = draw_input<E>(rng, m * k, Input::gaussian);
            if (m > 2) spoil(rng, &rows[rng.below(m) * k], k, int(rng.below(5)));
            const Guarded<E> x(rows);
            for_each_isa<E>([&](CpuKernels<E> kernels, const char* isa) {
                TEST_INFO("matmul_prepared", isa, E, quant::format(type).name << " " << shape(m, n, k) << " prepared for "
                          << quant::format(f.type).name << " precision " << int(p));
                std::vector<E> want(m * n);
                expect_ok(kernels.matmul(type, blocks.data(), x.data(), want.data(), m, n, k, p));
                const size_t bytes = kernels.prepared_bytes(f.type, m, k, p), skip = rng.below(64);
                Guarded<uint8_t> prepared(bytes + skip);
                for (bool threads : { false, true }) {
                    if (threads) kernels.parallel = three.parallel();
                    std::memset(prepared.data() + skip, 0x55, bytes);
                    expect_ok(kernels.prepare(f.type, x.data(), m, k, prepared.data() + skip, p));
                    Fenced<E> out(m * n, 1);
                    expect_ok(kernels.matmul_prepared(type, blocks.data(), x.data(), prepared.data() + skip, out.data(), m, n, k, p));
                    const std::string wrong = differ(out.data(), want.data(), m * n) + out.broken();
                    CHECK_MESSAGE(wrong.empty(), wrong);
                }
                CHECK(allocations() == 0);
                CHECK(overruns() == 0);
            });
        }
}

TEST_CASE_TEMPLATE("matmul_prepared takes x from the buffer", E, ELEMENTS) {       // or preparing would save nothing
    const size_t m = 3, n = 8, k = 512;
    Rng rng(7400);
    const Bytes          blocks = quant::make_rows(rng, QuantType::Q4_K, n, k, Fill::random);
    const std::vector<E> x = draw_input<E>(rng, m * k, Input::gaussian), y = draw_input<E>(rng, m * k, Input::gaussian);
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        TEST_INFO("matmul_prepared", isa, E, "");
        for (Precision p : PRECISIONS) {
            std::vector<uint8_t> prepared(kernels.prepared_bytes(QuantType::Q4_K, m, k, p));
            expect_ok(kernels.prepare(QuantType::Q4_K, x.data(), m, k, prepared.data(), p));
            std::vector<E> want(m * n), out(m * n);
            const bool     taken = prepared.size() > 128;       // more than a header
            expect_ok(kernels.matmul(QuantType::Q4_K, blocks.data(), taken ? x.data() : y.data(), want.data(), m, n, k, p));
            expect_ok(kernels.matmul_prepared(QuantType::Q4_K, blocks.data(), y.data(), prepared.data(), out.data(), m, n, k, p));
            const std::string wrong = differ(out.data(), want.data(), m * n);
            CHECK_MESSAGE(wrong.empty(), wrong);
            if (kernels.isa() != gllm::Isa::scalar) CHECK(taken);
        }
    });
}

TEST_CASE_TEMPLATE("prepare and matmul_prepared: what must be refused", E, ELEMENTS) {
    const size_t m = 2, n = 8, k = 256, huge = SIZE_MAX / 2 + 1;
    const QuantType type = QuantType::Q4_K;
    Rng rng(7500);
    const Bytes          blocks = quant::make_rows(rng, type, 2 * n, 2 * k, Fill::random);
    const std::vector<E> x(4 * m * k, round_to<E>(0.5));
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        TEST_INFO("matmul_prepared", isa, E, "refusals");
        const auto refuse = [&](const char* what, const CpuKernels<E>& with, const void* prepared, size_t m_, size_t k_, Precision p) {
            check_refused<E>(what, m_ * n, Code::invalid_argument,
                             [&](E* out) { return with.matmul_prepared(type, blocks.data(), x.data(), prepared, out, m_, n, k_, p); });
        };
        const size_t bytes = kernels.prepared_bytes(type, m, k);
        std::vector<uint8_t> room(bytes + 192);
        uint8_t* const       at = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64) % 64;
        expect_ok(kernels.prepare(type, x.data(), m, k, at));
        refuse("null", kernels, nullptr, m, k, Precision::exact);
        refuse("another m", kernels, at, m + 1, k, Precision::exact);
        refuse("another k", kernels, at, m, 2 * k, Precision::exact);
        refuse("another precision", kernels, at, m, k, Precision::fast);
        for (gllm::Isa isa2 : gllm::all_isas) {
            CpuKernels<E> other;
            if (isa2 != kernels.isa() && other.select(isa2)) refuse("another instruction set", other, at, m, k, Precision::exact);
        }
        refuse("no precision", kernels, at, m, k, static_cast<Precision>(7));
        std::memmove(at + 64, at, bytes);
        expect_ok(kernels.matmul_prepared(type, blocks.data(), x.data(), at + 64, std::vector<E>(m * n).data(), m, n, k));
        std::memmove(at + 1, at + 64, bytes);
        refuse("moved", kernels, at + 1, m, k, Precision::exact);
        expect_ok(kernels.prepare(type, x.data(), m, k, at));
        at[14] ^= 1;                                            // the header's feature
        refuse("a CPU with other features", kernels, at, m, k, Precision::exact);
        std::memset(at, 0, bytes);
        refuse("zeros", kernels, at, m, k, Precision::exact);
        expect_ok(kernels.prepare(type, x.data(), m, k, at));
        const std::vector<uint8_t> before(at, at + bytes);
        E* const inside = reinterpret_cast<E*>(at + 64);
        CHECK(kernels.matmul_prepared(type, blocks.data(), x.data(), at, inside, m, n, k).code == Code::invalid_argument);
        CHECK(std::memcmp(at, before.data(), bytes) == 0);
        if (!std::is_same<E, float>::value) {
            CpuKernels<float> other;
            expect_ok(other.select(kernels.isa()));
            const std::vector<float> wide(m * k);
            std::vector<uint8_t> prepared(other.prepared_bytes(type, m, k));
            expect_ok(other.prepare(type, wide.data(), m, k, prepared.data()));
            refuse("another element", kernels, prepared.data(), m, k, Precision::exact);
        }

        CHECK(kernels.prepared_bytes(type, huge, 256) == 0);
        CHECK(kernels.prepared_bytes(type, 1, k + 1) == 0);
        CHECK(kernels.prepared_bytes(static_cast<QuantType>(200), 1, k) == 0);
        CHECK(kernels.matmul_workspace_bytes(static_cast<QuantType>(200), 1, 1, k) == 0);
        Fenced<uint8_t> buffer(bytes);
        CHECK(kernels.prepare(type, static_cast<const E*>(nullptr), m, k, buffer.data()).code == Code::invalid_argument);
        CHECK(kernels.prepare(type, x.data(), m, k + 1, buffer.data()).code == Code::invalid_argument);
        CHECK(kernels.prepare(type, x.data(), huge, k, buffer.data()).code == Code::invalid_argument);
        CHECK(kernels.prepare(type, x.data(), m, k, nullptr).code == Code::invalid_argument);
        CHECK(kernels.prepare(static_cast<QuantType>(200), x.data(), m, k, buffer.data()).code == Code::invalid_argument);
        CHECK(buffer.untouched());
        if (!std::is_same<E, float>::value) {                   // rows to be widened need memory
            CpuKernels<E> poor = kernels;
            uint8_t       byte = 0;
            poor.workspace = { &byte, 1 };
            CHECK(poor.prepare(type, x.data(), m, k, buffer.data()).code == Code::out_of_memory);
            CHECK(buffer.untouched());
        }
    });
}

TEST_CASE_TEMPLATE("gemm_q8, gemm_q4: large inputs under zero weights spoil nothing", E, ELEMENTS) {
    const size_t m = 33, n = 17, k = 1100;
    for (int width : { 8, 4 }) {
        Rng rng{ uint64_t(width) };
        std::vector<uint8_t> codes = plain_rows(rng, width, n, k, Fill::random);
        std::vector<E>       x     = draw_input<E>(rng, m * k, Input::gaussian);
        const std::vector<E> ones(n, round_to<E>(1.0));
        const size_t stride = codes.size() / n;
        for (size_t j = 0; j < n; j++) std::memset(codes.data() + j * stride, width == 8 ? 0 : 0x88, size_t(32 * width / 8));
        for (size_t i = 0; i < m; i++)
            for (size_t p = 0; p < k; p++) x[i * k + p] = round_to<E>(oracle::value(x[i * k + p]) * (p < 32 ? 1024.0 : 1.0 / 1024));
        const oracle::Want want = quant::product(x.data(), plain_weights(width, codes.data(), n, k).data(), m, n, k);
        for (Precision p : PRECISIONS)
            check_op<E>("gemm_q", shape(m, n, k) + " bits " + std::to_string(width),
                        quant::promised(want, p, k), [&](const CpuKernels<E>& kk, E* out) {
                            expect_ok(width == 8 ? kk.gemm_q8(codes.data(), x.data(), out, ones.data(), m, n, k, p)
                                                 : kk.gemm_q4(codes.data(), x.data(), out, ones.data(), m, n, k, p));
                        });
    }
}

TEST_CASE_TEMPLATE("gemm_q8, gemm_q4: threads change no bit, a failing allocator is reported", E, ELEMENTS) {
    gllm::ThreadPool two(2), three(3);
    const size_t n = small() ? 33 : 141, kk = 601;
    Rng rng(5);
    const std::vector<E> x = draw<E>(rng, 71 * kk), scales = draw<E>(rng, n);
    const Bytes codes = plain_rows(rng, 8, n, kk, Fill::random);
    for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
        for (int width : { 8, 4, -8, -4 }) {                    // negative: fast
            const size_t m = width < 0 ? 71 : 6;
            TEST_INFO("gemm_q", isa, E, shape(m, n, kk) + " bits " << width);
            const auto run = [&](const CpuKernels<E>& k, E* out) {
                const Precision p = width < 0 ? Precision::fast : Precision::exact;
                return std::abs(width) == 8 ? k.gemm_q8(codes.data(), x.data(), out, scales.data(), m, n, kk, p)
                                            : k.gemm_q4(codes.data(), x.data(), out, scales.data(), m, n, kk, p);
            };
            std::vector<E> want(m * n);
            expect_ok(run(plain, want.data()));
            for (gllm::ThreadPool* pool : { &two, &three }) {
                CpuKernels<E> k = plain;
                k.parallel = pool->parallel();
                Fenced<E> out(m * n, 1);
                expect_ok(run(k, out.data()));
                const std::string wrong = differ(out.data(), want.data(), want.size()) + out.broken();
                CHECK_MESSAGE(wrong.empty(), wrong);
            }
            std::vector<uint8_t> memory(plain.matmul_workspace_bytes(QuantType::Q8_0, m, n, kk));
            CpuKernels<E> in_workspace = plain;
            in_workspace.workspace = { memory.data(), memory.size() };
            Fenced<E> there(m * n);
            expect_ok(run(in_workspace, there.data()));         // room for digits or not
            Fenced<E> out(m * n);
            fail_allocations(true);
            const Status s = run(plain, out.data());
            fail_allocations(false);
            if (s) CHECK(differ(out.data(), want.data(), want.size()).empty());
            else CHECK((s.code == Code::out_of_memory && out.untouched()));
        }
    });
}

// ---- sparse outliers --------------------------------------------------------

TEST_CASE_TEMPLATE("csr_matmul_add", E, ELEMENTS) {
    gllm::ThreadPool two(2);
    for (Sizes s : { Sizes{ 1, 1, 1, 1 }, Sizes{ 1, 37, 300, 90 }, Sizes{ 5, 64, 256, 700 }, Sizes{ 17, 9, 1000, 2500 },
        Sizes{ 3, 20, 50, 0 },
                     Sizes{ 2, 4, 3, 3000 } }) {
        const size_t m = s[0], n = s[1], k = s[2], count = s[3];
        Rng rng(count + m);
        std::vector<std::vector<double>> dense(n, std::vector<double>(k)), mass = dense;
        std::vector<size_t> owner(count);
        for (size_t& o : owner) o = n > 3 && rng.below(2) ? n / 2 : rng.below(n);        // some rows are empty, one is long
        std::sort(owner.begin(), owner.end());
        Guarded<int32_t> rows(n + 1), cols(count);
        Guarded<float>   vals(count);
        for (size_t r = 0, e = 0; r <= n; r++) {
            while (e < count && owner[e] < r) e++;
            rows[r] = int32_t(e);
        }
        for (size_t e = 0; e < count; e++) {                    // in no order, with repetitions
            cols[e] = int32_t(rng.below(k));
            vals[e] = float(rng.gaussian());
            dense[owner[e]][size_t(cols[e])] += double(vals[e]);
            mass[owner[e]][size_t(cols[e])] += std::fabs(double(vals[e]));
        }
        const Guarded<E> x(draw<E>(rng, m * k));
        const std::vector<E> before = draw<E>(rng, m * n);
        oracle::Want want;
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                const double y = oracle::value(before[i * n + j]);
                double sum = y, abs = std::fabs(y);
                for (size_t p = 0; p < k; p++) {
                    sum += oracle::value(x[i * k + p]) * dense[j][p];
                    abs += std::fabs(oracle::value(x[i * k + p])) * mass[j][p];
                }
                want.add(sum, oracle::gemm_bound(abs, k));
            }
        for (bool threaded : { false, true })
            check_op<E>("csr_matmul_add", shape(m, n, k) + " entries=" + std::to_string(count), want,
                [&](CpuKernels<E> kk, E* out) {
                if (threaded) kk.parallel = two.parallel();
                std::copy(before.begin(), before.end(), out);
                expect_ok(kk.csr_matmul_add(rows.data(), cols.data(), vals.data(), x.data(), out, m, n, k));
            });
    }
}
