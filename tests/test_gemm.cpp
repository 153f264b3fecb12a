// gemv and every form of gemm: catches wrong tile edges, a C that is read before it is written, sums over k that lose accuracy or
// skip a block, packed buffers that are accepted by the wrong reader, scratch memory that overflows or leaks, and calls
// that ought to be refused but write. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

using namespace oracle;
using namespace test;
using gllm::Activation;
using gllm::Code;
using gllm::CpuKernels;
using gllm::Isa;
using gllm::Status;

constexpr Activation ACTIVATIONS[] = { Activation::none, Activation::relu, Activation::gelu, Activation::silu, Activation::tanh };

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << text(s.what)); }

/// Operands of one product, B in both of its forms, each against a page that faults.
template <class E> struct Operands {
    size_t     m, n, k;
    Guarded<E> a, b, bt, bias;
    Operands(Rng& rng, size_t m_, size_t n_, size_t k_, Data mode, Edge edge = Edge::end)
        : m(m_), n(n_), k(k_), a(draw<E>(rng, m * k, mode), edge), b(draw<E>(rng, k * n, mode), edge), bt(n * k, edge),
          bias(draw<E>(rng, n), edge) {
        transpose();
    }
    void transpose() {
        for (size_t p = 0; p < k; p++)
            for (size_t j = 0; j < n; j++) bt[j * k + p] = b[p * n + j];
    }
};

template <class E> struct Packed {
    Guarded<uint8_t> bytes;                                     // any alignment: the end is at the page
    Packed(const CpuKernels<E>& k, const Operands<E>& o, bool transposed) : bytes(k.packed_b_bytes(o.n, o.k)) {
        expect_ok(transposed ? k.pack_b_transposed(o.bt.data(), o.n, o.k, bytes.data()) : k.pack_b(o.b.data(), o.n, o.k, bytes.data()));
    }
    const void* data() const { return bytes.data(); }
};

/// Every form of the product against the oracle.
template <class E> void check_gemm(const Operands<E>& o, const std::string& at, bool activations) {
    using K = const CpuKernels<E>&;
    const size_t m = o.m, n = o.n, k = o.k;
    const E *const a = o.a.data(), *const b = o.b.data(), *const bt = o.bt.data(), *const bias = o.bias.data();
    const Want plain = gemm(a, b, m, n, k), biased = plus_bias(plain, bias, n);

    check_op<E>("gemm", at, plain, [&](K kk, E* c) { expect_ok(kk.gemm(a, b, c, m, n, k)); });
    check_op<E>("gemm_transposed_b", at, plain, [&](K kk, E* c) { expect_ok(kk.gemm_transposed_b(a, bt, c, m, n, k)); });
    check_op<E>("gemm_bias", at, biased, [&](K kk, E* c) { expect_ok(kk.gemm_bias(a, b, bias, c, m, n, k)); });
    for (bool transposed : { false, true }) {
        const std::string from = at + (transposed ? " pack_b_transposed" : " pack_b");
        check_op<E>("gemm_prepacked", from, plain, [&](K kk, E* c) {
            expect_ok(kk.gemm_prepacked(a, Packed<E>(kk, o, transposed).data(), c, m, n, k));
        });
        check_op<E>("gemm_bias_prepacked", from, biased, [&](K kk, E* c) {
            expect_ok(kk.gemm_bias_prepacked(a, Packed<E>(kk, o, transposed).data(), bias, c, m, n, k));
        });
    }
    if (activations)
        for (Activation act : ACTIVATIONS) {
            const Want        want = activated(biased, act);
            const std::string with = at + " activation " + std::to_string(int(act));
            check_op<E>("gemm_bias_act", with, want, [&](K kk, E* c) { expect_ok(kk.gemm_bias_act(a, b, bias, c, m, n, k, act)); });
            check_op<E>("gemm_bias_act_prepacked", with, want, [&](K kk, E* c) {
                expect_ok(kk.gemm_bias_act_prepacked(a, Packed<E>(kk, o, false).data(), bias, c, m, n, k, act));
            });
        }
    CHECK_MESSAGE(allocations() == 0, "scratch not given back: " << at);
    CHECK_MESSAGE(overruns() == 0, "scratch overrun: " << at);
}

template <class E> void check_gemm(size_t m, size_t n, size_t k, Data mode, bool activations) {
    Rng rng(m * 1000003 + n * 1009 + k);
    const Operands<E> o(rng, m, n, k, mode, (m + n + k) % 2 ? Edge::end : Edge::begin);
    check_gemm(o, shape(m, n, k) + " " + data_name(mode), activations);
}

// ---- shapes -----------------------------------------------------------------

TEST_CASE_TEMPLATE("gemm: tile edges", E, ELEMENTS) {
    const Sizes ms = { 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 27, 28, 29 };
    const Sizes ns = { 1, 2, 3, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 63, 64, 65, 100 };
    const Sizes ks = { 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 255, 256, 257 };
    Rng rng(11);
    const size_t cases = small() ? 12 : 60;
    for (size_t i = 0; i < cases; i++) {
        const size_t m = ms[i % ms.size()], n = ns[rng.below(ns.size())], k = ks[rng.below(ks.size())];
        check_gemm<E>(m, n, k, PRODUCTS[i % 4], i % 6 == 0);
    }
}

TEST_CASE_TEMPLATE("gemm: blocks of k", E, ELEMENTS) {
    for (size_t k : small() ? Sizes{ 257, 513 } : Sizes{ 255, 256, 257, 383, 384, 385, 511, 512, 513, 767, 769, 1024, 1025, 2049 })
        check_gemm<E>(k % 17 + 1, k % 37 + 1, k, PRODUCTS[k % 4], k % 256 == 1);
    check_gemm<E>(3, 17, small() ? 3000 : 20000, Data::gaussian, false);
    check_gemm<E>(9, 5, small() ? 3000 : 20000, Data::uniform, false);
}

TEST_CASE_TEMPLATE("gemm: few rows", E, ELEMENTS) {
    for (size_t m = 1; m <= (small() ? 2u : 8u); m++) check_gemm<E>(m, 200 + m, 300 + 13 * m, Data::gaussian, m == 1);
    if (small()) return;
    check_gemm<E>(8, 130, 1024, Data::gaussian, false);
    for (size_t m : { 12, 17, 32 }) check_gemm<E>(m, 71, 5700, Data::gaussian, false);     // B[n][k] is large enough for dots
}

TEST_CASE_TEMPLATE("gemm: larger than the cache blocks", E, ELEMENTS) {
    if (small()) return;
    check_gemm<E>(2, 4500, 5, Data::gaussian, true);
    check_gemm<E>(17, 2100, 33, Data::gaussian, false);
    check_gemm<E>(700, 19, 9, Data::gaussian, true);
    check_gemm<E>(461, 40, 260, Data::gaussian, false);
    check_gemm<E>(100, 97, 64, Data::wide, false);
    check_gemm<E>(130, 145, 300, Data::gaussian, false);
}

TEST_CASE_TEMPLATE("gemm: k = 0, m = 0, n = 0", E, ELEMENTS) {
    for (size_t m : Sizes{ 1, 5, 17 })
        for (size_t n : Sizes{ 1, 8, 33 }) check_gemm<E>(m, n, 0, Data::gaussian, true);
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("gemm", isa, E, "without rows or columns");
        const E* none = nullptr;
        for (Sizes s : { Sizes{ 0, 5, 7 }, Sizes{ 5, 0, 7 }, Sizes{ 0, 0, 0 }, Sizes{ 0, 0, 7 } }) {
            Fenced<E> some(64);
            for (E* c : { static_cast<E*>(nullptr), some.data() }) {
                expect_ok(k.gemm(none, none, c, s[0], s[1], s[2]));
                expect_ok(k.gemm_bias(none, none, none, c, s[0], s[1], s[2]));
                expect_ok(k.gemm_bias_act(none, none, none, c, s[0], s[1], s[2], Activation::silu));
                expect_ok(k.gemm_transposed_b(none, none, c, s[0], s[1], s[2]));
                k.gemv(none, none, c, 0, s[2]);
            }
            CHECK(some.untouched());
        }
        Fenced<E> c(2);
        expect_ok(k.gemm(none, none, c.data(), 1, 2, 0));       // nothing to read, zeros to write
        CHECK(value(c[0]) == 0);
        CHECK(value(c[1]) == 0);
    });
}

// ---- accuracy ---------------------------------------------------------------

/// Rows of one value times columns of one value: every step of a sum errs the same way.
TEST_CASE_TEMPLATE("gemm: equal values", E, ELEMENTS) {
    const size_t m = 12, n = 40;
    for (size_t k : small() ? Sizes{ 256 } : Sizes{ 64, 256, 1000, 4096, 20000 }) {
        if (k > 1000 && !std::is_same<E, float>::value) continue;
        Rng rng(k);
        Operands<E> o(rng, m, n, k, Data::gaussian);
        std::vector<E> row(m), column(n);
        for (E& e : row) e = round_to<E>(rng.uniform(1, 2));
        for (E& e : column) e = round_to<E>(rng.uniform(1, 2));
        for (size_t i = 0; i < m * k; i++) o.a[i] = row[i / k];
        for (size_t i = 0; i < k * n; i++) o.b[i] = column[i % n];
        o.transpose();
        check_gemm(o, shape(m, n, k) + " equal rows and columns", false);
    }
}

TEST_CASE_TEMPLATE("gemm: magnitudes far apart, small results", E, float, gllm::bf16) {
    Rng rng(6);
    Operands<E> o(rng, 7, 33, 40, Data::gaussian);
    for (size_t i = 0; i < o.a.size(); i++) o.a[i] = round_to<E>(value(o.a[i]) * (i % 3 ? 1e-20 : 1e-30));
    for (size_t i = 0; i < o.b.size(); i++) o.b[i] = round_to<E>(value(o.b[i]) * (i % 5 ? 1e-12 : 1e18));
    o.transpose();
    check_gemm(o, "tiny times mixed", false);
    if (!keeps_subnormals) return;
    for (size_t i = 0; i < o.a.size(); i++) o.a[i] = round_to<E>(std::ldexp(rng.uniform(-1, 1), -126));
    for (size_t i = 0; i < o.b.size(); i++) o.b[i] = round_to<E>(rng.gaussian() * 1e30);
    o.transpose();
    check_gemm(o, "subnormal A", false);
}

TEST_CASE_TEMPLATE("gemm: NaN and infinities go where they belong", E, ELEMENTS) {
    for (double bad : { QNAN, INF, -INF })
        for (Sizes s : { Sizes{ 5, 19, 30 }, Sizes{ 15, 33, 70 }, Sizes{ 33, 70, 20 } }) {
            Rng rng(8);
            Operands<E> o(rng, s[0], s[1], s[2], Data::uniform);
            o.a[o.k + 3] = round_to<E>(bad);
            o.b[2 * o.n + o.n - 1] = round_to<E>(bad);
            o.transpose();
            check_gemm(o, shape(s[0], s[1], s[2]) + " with " + std::to_string(bad), true);
        }
}

// ---- weights of another element type -------------------------------------------

template <class E, class W> void check_mixed(size_t m, size_t n, size_t k, Data mode) {
    Rng rng(m * 1000003 + n * 1009 + k);
    const Edge       edge = (m + n + k) % 2 ? Edge::end : Edge::begin;
    const Guarded<E> a(draw<E>(rng, m * k, mode), edge);
    const Guarded<W> bt(draw<W>(rng, n * k, mode), edge);
    Want want;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double abs;
            const double sum = dot(a.data() + i * k, 1, bt.data() + j * k, 1, k, &abs);
            want.add(sum, gemm_bound(abs, k));
        }
    const std::string at = shape(m, n, k) + " " + data_name(mode) + ", weights " + Format<W>::name();
    check_op<E>("gemm_mixed", at, want,
                [&](const CpuKernels<E>& kk, E* c) { expect_ok(kk.gemm_mixed(a.data(), bt.data(), c, m, n, k)); });
    CHECK_MESSAGE(allocations() == 0, "scratch not given back: " << at);
    CHECK_MESSAGE(overruns() == 0, "scratch overrun: " << at);
}
template <class E> void check_mixed(size_t m, size_t n, size_t k, Data mode) {
    check_mixed<E, float>(m, n, k, mode);
    check_mixed<E, gllm::f16>(m, n, k, mode);
    check_mixed<E, gllm::bf16>(m, n, k, mode);
}

TEST_CASE_TEMPLATE("gemm_mixed: weights of every element type", E, ELEMENTS) {
    const Sizes ns = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67, 100, 130 };
    const Sizes ks = { 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 100, 255, 256, 257, 511, 512, 513, 530, 1025 };
    Rng rng(31);
    for (size_t m = 1; m <= (small() ? 3u : 9u); m++)
        for (size_t i = 0; i < (small() ? 3u : 8u); i++)
            check_mixed<E>(m, ns[rng.below(ns.size())], ks[rng.below(ks.size())], PRODUCTS[(m + i) % 4]);
    for (size_t m : small() ? Sizes{ 17 } : Sizes{ 12, 17, 24, 33, 70 })
        for (size_t k : Sizes{ 40, 257, 600 }) check_mixed<E>(m, ns[rng.below(ns.size())] + 60, k, PRODUCTS[k % 4]);
    for (size_t m : Sizes{ 1, 2, 11 }) check_mixed<E>(m, 9, small() ? 3000 : 20000, Data::gaussian);
    for (size_t m : Sizes{ 1, 4, 33 }) check_mixed<E>(m, 70, 90, Data::specials);
}

/// Of few rows the sums are those of the same numbers as f32.
TEST_CASE_TEMPLATE("gemm_mixed: 16-bit weights are widened exactly", W, gllm::f16, gllm::bf16) {
    const size_t n = 65536 / 64, k = 64;
    std::vector<W>     bt(n * k);                               // every value that the type has
    std::vector<float> wide(n * k), want(n), got(n);
    for (size_t i = 0; i < bt.size(); i++) bt[i].bits = uint16_t(i), wide[i] = float(value(bt[i]));
    for_each_isa<float>([&](const CpuKernels<float>& kk, const char* isa) {
        TEST_INFO("gemm_mixed", isa, W, shape(1, n, k));
        Rng rng(32);
        const std::vector<float> a = draw<float>(rng, k);
        expect_ok(kk.gemm_transposed_b(a.data(), wide.data(), want.data(), 1, n, k));
        expect_ok(kk.gemm_mixed(a.data(), bt.data(), got.data(), 1, n, k));
        const std::string wrong = differ(got.data(), want.data(), n);
        CHECK_MESSAGE(wrong.empty(), wrong);
    });
}

// ---- gemv -------------------------------------------------------------------

TEST_CASE_TEMPLATE("gemv", E, ELEMENTS) {
    for (size_t m : Sizes{ 0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 33 })
        for (size_t n : ragged()) {
            if (n > 600 && m > 5) continue;
            Rng rng(m * 10007 + n);
            const Data mode = PRODUCTS[(m + n) % 4];
            const Guarded<E> a(draw<E>(rng, m * n, mode), m % 2 ? Edge::end : Edge::begin);
            const Guarded<E> x(draw<E>(rng, n, mode), n % 2 ? Edge::end : Edge::begin);
            Want want;
            for (size_t i = 0; i < m; i++) {
                double abs;
                const double sum = dot(a.data() + i * n, 1, x.data(), 1, n, &abs);
                want.add(sum, dot_bound(abs, n));
            }
            check_op<E>("gemv", shape(m, n) + " " + data_name(mode), want,
                        [&](const CpuKernels<E>& k, E* y) { k.gemv(a.data(), x.data(), y, m, n); });
        }
    for (size_t at : Sizes{ 0, 20, 36 }) {                      // NaN stays in its row
        std::vector<E> a(3 * 37, round_to<E>(1)), x(37, round_to<E>(1));
        a[37 + at] = round_to<E>(QNAN);
        Want want;
        want.add(37, 0), want.add(QNAN, 0), want.add(37, 0);
        check_op<E>("gemv", "NaN", want, [&](const CpuKernels<E>& k, E* y) { k.gemv(a.data(), x.data(), y, 3, 37); });
    }
}

// ---- bits -------------------------------------------------------------------

TEST_CASE_TEMPLATE("gemm: the alignment of the inputs changes no bit", E, ELEMENTS) {
    for (Sizes s : { Sizes{ 3, 37, 65 }, Sizes{ 15, 33, 100 }, Sizes{ 40, 70, 300 } }) {
        const size_t m = s[0], n = s[1], kk = s[2];
        Rng rng(kk);
        const Operands<E> o(rng, m, n, kk, Data::gaussian);
        for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
            TEST_INFO("gemm", isa, E, shape(m, n, kk));
            std::vector<E> want(m * n), want_t(m * n), want_v(m);
            expect_ok(k.gemm(o.a.data(), o.b.data(), want.data(), m, n, kk));
            expect_ok(k.gemm_transposed_b(o.a.data(), o.bt.data(), want_t.data(), m, n, kk));
            k.gemv(o.a.data(), o.b.data(), want_v.data(), m, kk);
            for (size_t offset = 0; offset < 16; offset += 3) {
                Fenced<E> a(m * kk, offset), b(kk * n, 15 - offset), bt(kk * n, offset + 1), c(m * n), y(m);
                std::memcpy(a.data(), o.a.data(), m * kk * sizeof(E));
                std::memcpy(b.data(), o.b.data(), kk * n * sizeof(E));
                std::memcpy(bt.data(), o.bt.data(), kk * n * sizeof(E));
                expect_ok(k.gemm(a.data(), b.data(), c.data(), m, n, kk));
                std::string wrong = differ(c.data(), want.data(), m * n);
                CHECK_MESSAGE(wrong.empty(), "offset " << offset << " " << wrong);
                expect_ok(k.gemm_transposed_b(a.data(), bt.data(), c.data(), m, n, kk));
                k.gemv(a.data(), b.data(), y.data(), m, kk);
                wrong = differ(c.data(), want_t.data(), m * n) + differ(y.data(), want_v.data(), m);
                CHECK_MESSAGE(wrong.empty(), "offset " << offset << " " << wrong);
            }
        });
    }
}

TEST_CASE_TEMPLATE("both packings of a matrix are the same to the product", E, ELEMENTS) {
    Rng rng(9);
    const Operands<E> o(rng, 9, 45, 270, Data::gaussian);
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("prepacked", isa, E, "both packings");
        std::vector<E> c(o.m * o.n), ct(o.m * o.n);
        expect_ok(k.gemm_prepacked(o.a.data(), Packed<E>(k, o, false).data(), c.data(), o.m, o.n, o.k));
        expect_ok(k.gemm_prepacked(o.a.data(), Packed<E>(k, o, true).data(), ct.data(), o.m, o.n, o.k));
        const std::string wrong = differ(ct.data(), c.data(), c.size());
        CHECK_MESSAGE(wrong.empty(), wrong);
    });
}

TEST_CASE_TEMPLATE("a packed matrix moved to another alignment: the same bits, or refused", E, ELEMENTS) {
    Rng rng(19);
    const Operands<E> o(rng, 9, 45, 70, Data::gaussian);
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("prepacked", isa, E, shape(o.m, o.n, o.k));
        const size_t bytes = k.packed_b_bytes(o.n, o.k);
        std::vector<uint8_t> from(bytes + 128), to(bytes + 128);
        const auto at = [](std::vector<uint8_t>& v, size_t offset) {             // bytes behind a multiple of 64
            return v.data() + (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64 + offset;
        };
        std::vector<E> want(o.m * o.n);
        for (size_t first : Sizes{ 0, 1, 24, 63 }) {
            uint8_t* const packed = at(from, first);
            expect_ok(k.pack_b(o.b.data(), o.n, o.k, packed));
            expect_ok(k.gemm_prepacked(o.a.data(), packed, want.data(), o.m, o.n, o.k));
            size_t      wrong = 0;
            std::string example;
            for (size_t offset = 0; offset < 64; offset++) {
                std::memset(to.data(), 0x55, to.size());
                std::memcpy(at(to, offset), packed, bytes);
                Fenced<E>    c(o.m * o.n);
                const Status s = k.gemm_prepacked(o.a.data(), at(to, offset), c.data(), o.m, o.n, o.k);
                const std::string miss = s ? differ(c.data(), want.data(), want.size())
                                       : s.code != Code::invalid_argument || !s.what || !*s.what || !c.untouched() ? "badly refused" : "";
                if (!miss.empty() && wrong++ == 0) example = "to " + std::to_string(offset) + ": " + miss;
            }
            CHECK_MESSAGE(wrong == 0, "packed at " << first << ", " << wrong << " moves of 64 wrong, the first " << example);
        }
    });
}

// ---- memory -----------------------------------------------------------------

/// Calls every form with these kernels; each(name, call) gets call(c) -> Status.
template <class E, class F> void each_form(const CpuKernels<E>& k, const Operands<E>& o, const void* packed, F each) {
    const E *const a = o.a.data(), *const b = o.b.data(), *const bt = o.bt.data(), *const bias = o.bias.data();
    const size_t m = o.m, n = o.n, kk = o.k;
    each("gemm", [&](E* c) { return k.gemm(a, b, c, m, n, kk); });
    each("gemm_bias", [&](E* c) { return k.gemm_bias(a, b, bias, c, m, n, kk); });
    each("gemm_bias_act", [&](E* c) { return k.gemm_bias_act(a, b, bias, c, m, n, kk, Activation::gelu); });
    each("gemm_transposed_b", [&](E* c) { return k.gemm_transposed_b(a, bt, c, m, n, kk); });
    each("gemm_prepacked", [&](E* c) { return k.gemm_prepacked(a, packed, c, m, n, kk); });
    each("gemm_bias_prepacked", [&](E* c) { return k.gemm_bias_prepacked(a, packed, bias, c, m, n, kk); });
    each("gemm_bias_act_prepacked", [&](E* c) { return k.gemm_bias_act_prepacked(a, packed, bias, c, m, n, kk, Activation::gelu); });
}

template <class E> std::vector<std::vector<E>> every_result(const CpuKernels<E>& k, const Operands<E>& o, const void* packed) {
    std::vector<std::vector<E>> c;
    each_form<E>(k, o, packed, [&](const char*, auto call) {
        c.emplace_back(o.m * o.n);
        expect_ok(call(c.back().data()));
    });
    return c;
}

TEST_CASE_TEMPLATE("workspace: gemm_workspace_bytes suffice, at any alignment, and nothing is allocated", E, ELEMENTS) {
    for (Sizes s : { Sizes{ 1, 1, 1 }, Sizes{ 1, 70, 300 }, Sizes{ 40, 100, 300 }, Sizes{ 100, 65, 40 }, Sizes{ 5, 5, 0 } }) {
        Rng rng(s[2]);
        const Operands<E> o(rng, s[0], s[1], s[2], Data::gaussian);
        for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
            TEST_INFO("workspace", isa, E, shape(o.m, o.n, o.k));
            const Packed<E> packed(plain, o, false);
            const auto      wants = every_result(plain, o, packed.data());
            const size_t    bytes = plain.gemm_workspace_bytes(o.m, o.n, o.k);
            for (size_t skip : Sizes{ 0, 1, 7 }) {
                Guarded<uint8_t> scratch(bytes + skip, skip == 7 ? Edge::begin : Edge::end);
                CpuKernels<E>    k = plain;
                k.workspace.data   = scratch.data() + skip;
                k.workspace.bytes  = bytes;
                size_t form = 0;
                each_form<E>(k, o, packed.data(), [&](const char* name, auto call) {
                    INFO(text(name) << ", workspace of " << bytes << " bytes, " << skip << " into a buffer");
                    std::vector<E> c(o.m * o.n);
                    const long     before = allocations_ever();
                    expect_ok(call(c.data()));
                    CHECK(allocations_ever() == before);
                    const std::string wrong = differ(c.data(), wants[form++].data(), c.size());
                    CHECK_MESSAGE(wrong.empty(), wrong);
                });
            }
        });
    }
}

TEST_CASE_TEMPLATE("too little memory: out_of_memory and C untouched, or a right result", E, ELEMENTS) {
    for (Sizes s : { Sizes{ 3, 70, 300 }, Sizes{ 40, 100, 300 }, Sizes{ 100, 200, 600 } }) {
        if (small() && s[0] == 100) continue;
        Rng rng(s[2]);
        const Operands<E> o(rng, s[0], s[1], s[2], Data::gaussian);
        for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
            TEST_INFO("little memory", isa, E, shape(o.m, o.n, o.k));
            const Packed<E> packed(plain, o, false);
            const auto      wants = every_result(plain, o, packed.data());
            const auto      try_all = [&](const CpuKernels<E>& k) {
                size_t form = 0;
                each_form<E>(k, o, packed.data(), [&](const char* name, auto call) {
                    INFO(text(name) << ", workspace of " << k.workspace.bytes << " bytes");
                    Fenced<E>    c(o.m * o.n, 1);
                    const long   before = allocations_ever();
                    const Status status = call(c.data());
                    CHECK(allocations_ever() == before);
                    const std::string wrong = status ? differ(c.data(), wants[form].data(), c.size())
                                            : c.untouched() ? std::string() : "C was touched";
                    CHECK_MESSAGE((status || status.code == Code::out_of_memory),
                                  "code " << int(status.code) << ": " << text(status.what));
                    CHECK_MESSAGE(wrong.empty(), wrong);
                    form++;
                });
            };
            for (size_t bytes : Sizes{ 1, 64, plain.gemm_workspace_bytes(o.m, o.n, o.k) / 2 }) {
                Guarded<uint8_t> scratch(bytes);
                CpuKernels<E>    k = plain;
                k.workspace.data   = scratch.data();
                k.workspace.bytes  = bytes;
                try_all(k);
            }
            fail_allocations(true);
            try_all(plain);
            fail_allocations(false);
            CHECK(allocations() == 0);
        });
    }
}

TEST_CASE_TEMPLATE("some product needs scratch memory", E, ELEMENTS) {   // or the tests above prove nothing
    Rng rng(1);
    const Operands<E> o(rng, 100, 200, 600, Data::gaussian);
    for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
        TEST_INFO("scratch", isa, E, "");
        const Packed<E> packed(plain, o, false);
        size_t refused = 0;
        uint8_t byte = 0;
        CpuKernels<E> k = plain;
        k.workspace.data  = &byte;
        k.workspace.bytes = 1;
        each_form<E>(k, o, packed.data(), [&](const char*, auto call) {
            std::vector<E> c(o.m * o.n);
            refused += call(c.data()).code == Code::out_of_memory;
        });
        CHECK((refused > 0 || plain.gemm_workspace_bytes(o.m, o.n, o.k) == 0));
    });
}

// ---- refusals ---------------------------------------------------------------

TEST_CASE_TEMPLATE("gemm: what must be refused", E, ELEMENTS) {
    const size_t m = 5, n = 7, kk = 9, huge = SIZE_MAX / 2 + 1;
    Rng rng(1);
    const Operands<E> o(rng, m, n, kk, Data::gaussian);
    const E *const a = o.a.data(), *const b = o.b.data(), *const bt = o.bt.data(), *const bias = o.bias.data(), *const none = nullptr;
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("gemm", isa, E, "refusals");
        const Packed<E>   packed(k, o, false);
        const void* const p = packed.data();
        const auto bad = [&](const char* what, auto call) { check_refused<E>(what, m * n, Code::invalid_argument, call); };

        bad("gemm, a null", [&](E* c) { return k.gemm(none, b, c, m, n, kk); });
        bad("gemm, b null", [&](E* c) { return k.gemm(a, none, c, m, n, kk); });
        bad("gemm, c null", [&](E*) { return k.gemm(a, b, nullptr, m, n, kk); });
        bad("gemm_transposed_b, a null", [&](E* c) { return k.gemm_transposed_b(none, bt, c, m, n, kk); });
        bad("gemm_transposed_b, b null", [&](E* c) { return k.gemm_transposed_b(a, none, c, m, n, kk); });
        bad("gemm_transposed_b, c null", [&](E*) { return k.gemm_transposed_b(a, bt, nullptr, m, n, kk); });
        const gllm::f16  half[1] = {}, *const no_half = nullptr;
        const gllm::bf16 upper[1] = {}, *const no_upper = nullptr;
        bad("gemm_mixed, f16 null", [&](E* c) { return k.gemm_mixed(a, no_half, c, m, n, kk); });
        bad("gemm_mixed, bf16 null", [&](E* c) { return k.gemm_mixed(a, no_upper, c, m, n, kk); });
        bad("gemm_mixed, f16 overflow", [&](E* c) { return k.gemm_mixed(a, half, c, 1, 1, huge); });
        bad("gemm_mixed, bf16 overflow", [&](E* c) { return k.gemm_mixed(a, upper, c, 1, 1, huge); });
        bad("gemm_bias, a null", [&](E* c) { return k.gemm_bias(none, b, bias, c, m, n, kk); });
        bad("gemm_bias, b null", [&](E* c) { return k.gemm_bias(a, none, bias, c, m, n, kk); });
        bad("gemm_bias, bias null", [&](E* c) { return k.gemm_bias(a, b, none, c, m, n, kk); });
        bad("gemm_bias, c null", [&](E*) { return k.gemm_bias(a, b, bias, nullptr, m, n, kk); });
        bad("gemm_bias_act, b null", [&](E* c) { return k.gemm_bias_act(a, none, bias, c, m, n, kk, Activation::relu); });
        bad("gemm_bias_act, c null", [&](E*) { return k.gemm_bias_act(a, b, bias, nullptr, m, n, kk, Activation::relu); });
        for (int act : { 5, 17, 255 }) {
            bad("gemm_bias_act, no activation",
                [&](E* c) { return k.gemm_bias_act(a, b, bias, c, m, n, kk, static_cast<Activation>(act)); });
            bad("gemm_bias_act_prepacked, no activation",
                [&](E* c) { return k.gemm_bias_act_prepacked(a, p, bias, c, m, n, kk, static_cast<Activation>(act)); });
        }
        bad("gemm_prepacked, a null", [&](E* c) { return k.gemm_prepacked(none, p, c, m, n, kk); });
        bad("gemm_prepacked, packed null", [&](E* c) { return k.gemm_prepacked(a, nullptr, c, m, n, kk); });
        bad("gemm_prepacked, c null", [&](E*) { return k.gemm_prepacked(a, p, nullptr, m, n, kk); });
        bad("gemm_bias_prepacked, bias null", [&](E* c) { return k.gemm_bias_prepacked(a, p, none, c, m, n, kk); });
        bad("gemm_bias_act_prepacked, packed null",
            [&](E* c) { return k.gemm_bias_act_prepacked(a, nullptr, bias, c, m, n, kk, Activation::relu); });

        for (Sizes s : { Sizes{ huge, n, kk }, Sizes{ m, huge, kk }, Sizes{ m, n, huge }, Sizes{ huge, huge, 1 }, Sizes{ huge, 2, 0 },
                         Sizes{ SIZE_MAX, SIZE_MAX, SIZE_MAX }, Sizes{ 1, huge, 1 }, Sizes{ 1, 1, SIZE_MAX / sizeof(E) + 1 } }) {
            INFO(shape(s[0], s[1], s[2]));
            bad("gemm, overflow", [&](E* c) { return k.gemm(a, b, c, s[0], s[1], s[2]); });
            bad("gemm_bias, overflow", [&](E* c) { return k.gemm_bias(a, b, bias, c, s[0], s[1], s[2]); });
            bad("gemm_bias_act, overflow", [&](E* c) { return k.gemm_bias_act(a, b, bias, c, s[0], s[1], s[2], Activation::silu); });
            bad("gemm_transposed_b, overflow", [&](E* c) { return k.gemm_transposed_b(a, bt, c, s[0], s[1], s[2]); });
            bad("gemm_prepacked, overflow", [&](E* c) { return k.gemm_prepacked(a, p, c, s[0], s[1], s[2]); });
        }
        CHECK(k.packed_b_bytes(huge, huge) == 0);
        CHECK(k.packed_b_bytes(SIZE_MAX, 1) == 0);
        CHECK(k.packed_b_bytes(1, SIZE_MAX) == 0);
        CHECK(k.packed_b_bytes(n, kk) > 0);

        // C over an input, in part or as a whole. The buffer is the input: it must keep every byte
        std::vector<E> area(m * kk + kk * n + m * n, round_to<E>(0.5));
        const std::vector<E> before = area;
        for (size_t shift : Sizes{ 0, 1, m * kk - 1 }) {
            INFO("C overlaps A by " << m * kk - shift);
            const Status status = k.gemm(area.data(), b, area.data() + shift, m, n, kk);
            CHECK(status.code == Code::invalid_argument);
            CHECK(k.gemm_prepacked(area.data(), p, area.data() + shift, m, n, kk).code == Code::invalid_argument);
        }
        for (size_t shift : Sizes{ 0, 1, kk * n - 1 }) {
            INFO("C overlaps B by " << kk * n - shift);
            CHECK(k.gemm(a, area.data(), area.data() + shift, m, n, kk).code == Code::invalid_argument);
            CHECK(k.gemm_transposed_b(a, area.data(), area.data() + shift, m, n, kk).code == Code::invalid_argument);
            const auto* const other = reinterpret_cast<const gllm::bf16*>(area.data());
            CHECK(k.gemm_mixed(a, other, area.data() + shift * 2 / sizeof(E), m, n, kk).code == Code::invalid_argument);
        }
        CHECK(k.gemm_bias(a, b, area.data() + 3, area.data(), m, n, kk).code == Code::invalid_argument);
        CHECK(std::memcmp(area.data(), before.data(), area.size() * sizeof(E)) == 0);
        expect_ok(k.gemm(area.data(), b, area.data() + m * kk, m, n, kk));   // neighbours do not overlap

        // packing
        Fenced<uint8_t> buffer(k.packed_b_bytes(n, kk));
        CHECK(k.pack_b(none, n, kk, buffer.data()).code == Code::invalid_argument);
        CHECK(k.pack_b_transposed(none, n, kk, buffer.data()).code == Code::invalid_argument);
        CHECK(k.pack_b(b, huge, huge, buffer.data()).code == Code::invalid_argument);
        CHECK(k.pack_b_transposed(bt, huge, huge, buffer.data()).code == Code::invalid_argument);
        CHECK(buffer.untouched());
        CHECK(k.pack_b(b, n, kk, nullptr).code == Code::invalid_argument);
        CHECK(k.pack_b_transposed(bt, n, kk, nullptr).code == Code::invalid_argument);
        expect_ok(k.pack_b(b, n, kk, buffer.data()));
        CHECK(buffer.broken().empty());
    });
}

template <class E, class Other> void refuse_other_element(const CpuKernels<E>& k, const Operands<E>& o) {
    if (std::is_same<E, Other>::value) return;
    CpuKernels<Other> other;
    if (!other.select(k.isa())) return;
    const std::vector<Other> b(o.n * o.k);
    const size_t bytes = other.packed_b_bytes(o.n, o.k), own = k.packed_b_bytes(o.n, o.k);
    std::vector<uint8_t> packed(bytes > own ? bytes : own);
    expect_ok(other.pack_b(b.data(), o.n, o.k, packed.data()));
    check_refused<E>("packed for another element", o.m * o.n, Code::invalid_argument,
                     [&](E* c) { return k.gemm_prepacked(o.a.data(), packed.data(), c, o.m, o.n, o.k); });
}

TEST_CASE_TEMPLATE("a foreign packed buffer is refused", E, ELEMENTS) {
    Rng rng(2);
    const Operands<E> o(rng, 5, 12, 12, Data::gaussian);
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("prepacked", isa, E, "foreign buffers");
        const auto refuse = [&](const char* what, const void* packed, size_t n, size_t kk) {
            check_refused<E>(what, o.m * 12, Code::invalid_argument,
                             [&](E* c) { return k.gemm_prepacked(o.a.data(), packed, c, o.m, n, kk); });
            check_refused<E>(what, o.m * 12, Code::invalid_argument,
                             [&](E* c) { return k.gemm_bias_prepacked(o.a.data(), packed, o.bias.data(), c, o.m, n, kk); });
            check_refused<E>(what, o.m * 12, Code::invalid_argument, [&](E* c) {
                return k.gemm_bias_act_prepacked(o.a.data(), packed, o.bias.data(), c, o.m, n, kk, Activation::relu);
            });
        };
        const Packed<E> own(k, o, false);
        refuse("another n", own.data(), 11, 12);
        refuse("another k", own.data(), 12, 11);
        refuse_other_element<E, float>(k, o);
        refuse_other_element<E, gllm::f16>(k, o);
        refuse_other_element<E, gllm::bf16>(k, o);
        for (Isa isa2 : gllm::all_isas) {
            CpuKernels<E> other;
            if (isa2 == k.isa() || !other.select(isa2)) continue;
            const size_t bytes = other.packed_b_bytes(12, 12), need = k.packed_b_bytes(12, 12);
            std::vector<uint8_t> packed(bytes > need ? bytes : need);
            expect_ok(other.pack_b(o.b.data(), 12, 12, packed.data()));
            refuse("another instruction set", packed.data(), 12, 12);
        }
        std::vector<uint8_t> noise(k.packed_b_bytes(12, 12));
        std::memcpy(noise.data(), own.data(), noise.size());
        noise[32]++;                                            // the bytes of the panels, which tell their kind
        refuse("panels of another size", noise.data(), 12, 12);
        std::fill(noise.begin(), noise.end(), uint8_t(0));
        refuse("zeros", noise.data(), 12, 12);
        for (uint8_t& byte : noise) byte = uint8_t(rng.bits());
        refuse("noise", noise.data(), 12, 12);
    });
}
