// softmax, rms_norm, layer_norm, rope: catches sums that lose accuracy in long rows, one-pass variances, squares that
// overflow, masked rows, NaN that fails to spread, wrong pairing or a wrong prefix in rope, and rows forms that differ from rows.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

#include <algorithm>

using namespace oracle;
using namespace test;
using gllm::CpuKernels;

/// Rows of 2^20 are for some kinds of data only, to save time.
template <class E> bool too_long(size_t n, Data mode) {
    return n > 5000 && mode != Data::gaussian && (mode != Data::equal || !std::is_same<E, float>::value);
}

inline const Sizes& row_lengths() {
    static const Sizes all = [] {
        Sizes s = ragged();
        s.push_back(small() ? 1 << 14 : 1 << 20);
        return s;
    }();
    return all;
}

/// op(kernels, x, out) from guarded memory, and in place.
template <class E, class Op> void check_row(const char* op, const std::string& at, const std::vector<E>& x, const Want& want, Op call) {
    const Guarded<E> input(x, x.size() % 2 ? Edge::begin : Edge::end);
    const size_t     n = x.size();
    check_op<E>(op, at, want, [&](const CpuKernels<E>& k, E* out) { call(k, input.data(), out); });
    check_op<E>(op, at + " in place", want, [&](const CpuKernels<E>& k, E* out) {
        if (n) std::memcpy(out, input.data(), n * sizeof(E));
        call(k, out, out);
    });
}

// ---- softmax ----------------------------------------------------------------

template <class E> void check_softmax(const std::string& at, const std::vector<E>& x) {
    check_row<E>("softmax", at, x, softmax(x), [&](const CpuKernels<E>& k, const E* in, E* out) { k.softmax(in, out, x.size()); });
}

TEST_CASE_TEMPLATE("softmax", E, ELEMENTS) {
    for (Data mode : FINITE)
        for (size_t n : row_lengths()) {
            if (too_long<E>(n, mode)) continue;
            Rng rng(n);
            check_softmax(shape(n, mode), draw<E>(rng, n, mode));
        }
    for (double spread : { 10.0, 40.0, 200.0, 3e4 }) {          // results down to subnormals and zero
        Rng rng(2);
        std::vector<E> x(1000);
        for (E& e : x) e = round_to<E>(rng.uniform(-spread, spread));
        check_softmax("spread " + std::to_string(spread), x);
    }
}

TEST_CASE_TEMPLATE("softmax with masks, NaN and infinities", E, ELEMENTS) {
    for (size_t n : Sizes{ 1, 2, 15, 16, 33, 100 }) {
        Rng rng(n);
        check_softmax(shape(n) + " fully masked", std::vector<E>(n, round_to<E>(-INF)));
        for (size_t at = 0; at < n; at += n > 40 ? 13 : 1) {
            const std::string where = shape(n) + " at " + std::to_string(at);
            std::vector<E> masked(n, round_to<E>(-INF));
            masked[at] = round_to<E>(-5);
            check_softmax(where + " all but one masked", masked);
            masked[at] = round_to<E>(INF);
            check_softmax(where + " +inf among -inf", masked);
            masked[at] = round_to<E>(QNAN);
            check_softmax(where + " NaN among -inf", masked);
            std::vector<E> x = draw<E>(rng, n);
            x[at] = round_to<E>(-INF);
            check_softmax(where + " one masked", x);
            x[at] = round_to<E>(INF);
            check_softmax(where + " +inf", x);
            x[at] = round_to<E>(QNAN);
            check_softmax(where + " NaN", x);
            x[n - 1 - at] = round_to<E>(INF);
            check_softmax(where + " NaN and inf", x);
        }
    }
}

// ---- rms_norm and layer_norm ------------------------------------------------

template <class E> void check_rms_norm(const std::string& at, const std::vector<E>& x, const std::vector<E>& weight, float eps) {
    const Guarded<E> w(weight);
    check_row<E>("rms_norm", at, x, rms_norm(x, weight, eps),
                 [&](const CpuKernels<E>& k, const E* in, E* out) { k.rms_norm(in, w.data(), out, x.size(), eps); });
}

template <class E> void check_layer_norm(const std::string& at, const std::vector<E>& x, const std::vector<E>& gamma,
                                         const std::vector<E>& beta, float eps) {
    const Guarded<E> g(gamma), b(beta);
    check_row<E>("layer_norm", at, x, layer_norm(x, gamma, beta, eps),
                 [&](const CpuKernels<E>& k, const E* in, E* out) { k.layer_norm(in, g.data(), b.data(), out, x.size(), eps); });
}

TEST_CASE_TEMPLATE("rms_norm", E, ELEMENTS) {
    for (Data mode : FINITE)
        for (size_t n : row_lengths()) {
            if (too_long<E>(n, mode)) continue;
            Rng rng(n);
            const std::vector<E> x = draw<E>(rng, n, mode), w = draw<E>(rng, n);
            check_rms_norm(shape(n, mode), x, w, 1e-5f);
        }
}

TEST_CASE_TEMPLATE("layer_norm", E, ELEMENTS) {
    for (Data mode : FINITE)
        for (size_t n : row_lengths()) {
            if (too_long<E>(n, mode)) continue;
            Rng rng(n);
            const std::vector<E> x = draw<E>(rng, n, mode), gamma = draw<E>(rng, n), beta = draw<E>(rng, n);
            check_layer_norm(shape(n, mode), x, gamma, beta, 1e-5f);
        }
}

TEST_CASE_TEMPLATE("layer_norm of data far from zero", E, ELEMENTS) {    // the mean is known to more digits than f32 has
    for (double mean : { 100.0, 1e4, -1e4, 1e6 })
        for (size_t n : Sizes{ 2, 5, 16, 100, 1000, 4099, small() ? 8192u : 1u << 18 }) {
            if (std::is_same<E, f16>::value && mean > 6e4) continue;
            Rng rng(n);
            std::vector<E> x(n);
            for (E& e : x) e = round_to<E>(mean + rng.gaussian());
            const std::vector<E> gamma = draw<E>(rng, n), beta = draw<E>(rng, n);
            check_layer_norm(shape(n) + " mean " + std::to_string(mean), x, gamma, beta, 1e-5f);
        }
}

TEST_CASE_TEMPLATE("norms of data whose squares leave f32", E, float, gllm::bf16) {
    for (double scale : { 1e20, 1e30, 2e37, 1e-20, 1e-25, 1e-30 })
        for (size_t n : Sizes{ 2, 7, 16, 100, 1000 }) {
            Rng rng(n);
            std::vector<E> x(n);
            for (E& e : x) e = round_to<E>(scale * rng.uniform(-3, 3));
            const std::vector<E>  w = draw<E>(rng, n), beta = draw<E>(rng, n);
            const std::string at = shape(n) + " scale 1e" + std::to_string(int(std::floor(std::log10(scale))));
            for (float eps : { 1e-5f, 0.0f }) {
                check_rms_norm(at, x, w, eps);
                check_layer_norm(at, x, w, beta, eps);
            }
        }
}

TEST_CASE_TEMPLATE("norms with weights of every size", E, ELEMENTS) {
    for (size_t n : Sizes{ 3, 16, 37, 1000 }) {
        Rng rng(n);
        const std::vector<E> x = draw<E>(rng, n), w = draw<E>(rng, n, Data::mixed), beta = draw<E>(rng, n, Data::mixed);
        check_rms_norm(shape(n) + " mixed weights", x, w, 1e-6f);
        check_layer_norm(shape(n) + " mixed weights", x, w, beta, 1e-6f);
    }
}

TEST_CASE_TEMPLATE("norms spread NaN over the row, and no further", E, ELEMENTS) {
    const size_t n = 37, rows = 3;
    Rng rng(1);
    const std::vector<E> w = draw<E>(rng, n), clean = draw<E>(rng, rows * n);
    for (size_t at = 0; at < n; at++) {
        std::vector<E> x = clean;
        x[n + at] = round_to<E>(QNAN);
        for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
            TEST_INFO("norms", isa, E, "NaN at [1][" << at << "]");
            std::vector<E> rms(rows * n), layer(rows * n);
            k.rms_norm_rows(x.data(), w.data(), rms.data(), rows, n, 1e-5f);
            k.layer_norm_rows(x.data(), w.data(), w.data(), layer.data(), rows, n, 1e-5f);
            size_t wrong = 0;
            for (size_t i = 0; i < rows * n; i++)
                for (E e : { rms[i], layer[i] }) wrong += (value(e) != value(e)) != (i / n == 1);
            CHECK(wrong == 0);
        });
    }
}

TEST_CASE_TEMPLATE("rows forms give the bits of the rows", E, ELEMENTS) {
    for (size_t rows : Sizes{ 0, 1, 2, 5 })
        for (size_t n : Sizes{ 0, 1, 7, 16, 33, 100, 1000 }) {
            Rng rng(n);
            const Guarded<E> x(draw<E>(rng, rows * n)), w(draw<E>(rng, n)), b(draw<E>(rng, n), Edge::begin);
            for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
                TEST_INFO("rows", isa, E, shape(rows, n));
                Fenced<E> one(rows * n), all(rows * n, 1), in_place(rows * n, 2);
                for (size_t r = 0; r < rows; r++) k.rms_norm(x.data() + r * n, w.data(), one.data() + r * n, n, 1e-5f);
                k.rms_norm_rows(x.data(), w.data(), all.data(), rows, n, 1e-5f);
                std::string wrong = differ(all.data(), one.data(), rows * n) + all.broken();
                CHECK_MESSAGE(wrong.empty(), "rms_norm_rows " << wrong);

                for (size_t r = 0; r < rows; r++)
                    k.layer_norm(x.data() + r * n, w.data(), b.data(), one.data() + r * n, n, 1e-5f);
                if (rows * n > 0) std::memcpy(in_place.data(), x.data(), rows * n * sizeof(E));
                k.layer_norm_rows(in_place.data(), w.data(), b.data(), in_place.data(), rows, n, 1e-5f);
                wrong = differ(in_place.data(), one.data(), rows * n) + in_place.broken();
                CHECK_MESSAGE(wrong.empty(), "layer_norm_rows in place " << wrong);
            });
        }
}

TEST_CASE_TEMPLATE("the alignment of the inputs changes no bit", E, ELEMENTS) {
    const size_t n = 1003;
    Rng rng(n);
    const std::vector<E> x = draw<E>(rng, n), w = draw<E>(rng, n);
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("softmax, norms", isa, E, shape(n));
        Fenced<E> first(3 * n), again(3 * n);
        const auto run = [&](const E* in, const E* weight, E* out) {
            k.softmax(in, out, n);
            k.rms_norm(in, weight, out + n, n, 1e-5f);
            k.layer_norm(in, weight, weight, out + 2 * n, n, 1e-5f);
        };
        run(x.data(), w.data(), first.data());
        for (size_t offset = 0; offset < 16; offset++) {
            Fenced<E> fx(n, offset), fw(n, 15 - offset);
            std::memcpy(fx.data(), x.data(), n * sizeof(E));
            std::memcpy(fw.data(), w.data(), n * sizeof(E));
            run(fx.data(), fw.data(), again.data());
            const std::string wrong = differ(again.data(), first.data(), 3 * n);
            CHECK_MESSAGE(wrong.empty(), "offset " << offset << ": " << wrong);
        }
    });
}

TEST_CASE_TEMPLATE("n = 0 touches nothing", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char*) {
        Fenced<E> some(4);
        for (E* p : { static_cast<E*>(nullptr), some.data() }) {
            k.softmax(p, p, 0);
            k.rms_norm(p, p, p, 0, 1e-5f);
            k.layer_norm(p, p, p, p, 0, 1e-5f);
            k.rms_norm_rows(p, p, p, 0, 8, 1e-5f);
            k.layer_norm_rows(p, p, p, p, 3, 0, 1e-5f);
            k.rope(p, p, p, 0, 64, gllm::RopeStyle::half);
            k.rope(p, p, p, 4, 0, gllm::RopeStyle::interleaved);
        }
        CHECK(some.untouched());
    });
}

// ---- rope -------------------------------------------------------------------

template <class E> Want exact_rope(const std::vector<E>& qk, const E* cos, const E* sin, size_t heads, size_t head_dim, size_t n_rot,
                                   gllm::RopeStyle style) {
    Want want;
    for (E e : qk) want.add(value(e), 0);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < n_rot / 2; i++) {
            const bool   half = style == gllm::RopeStyle::half;
            const size_t a = h * head_dim + (half ? i : 2 * i), b = h * head_dim + (half ? i + n_rot / 2 : 2 * i + 1);
            const double xa = value(qk[a]), xb = value(qk[b]), c = value(cos[i]), s = value(sin[i]);
            want.value[a] = xa * c - xb * s;
            want.value[b] = xa * s + xb * c;
            want.bound[a] = 2.001 * U * (std::fabs(xa * c) + std::fabs(xb * s)) + 2 * MIN_SUBNORMAL;
            want.bound[b] = 2.001 * U * (std::fabs(xa * s) + std::fabs(xb * c)) + 2 * MIN_SUBNORMAL;
        }
    return want;
}

TEST_CASE_TEMPLATE("rope rope_with_pos", E, ELEMENTS) {
    const size_t positions = 3;
    for (gllm::RopeStyle style : { gllm::RopeStyle::interleaved, gllm::RopeStyle::half })
        for (size_t head_dim : Sizes{ 2, 4, 6, 8, 14, 16, 30, 32, 34, 64, 66, 80, 96, 128, 256 })
            for (size_t heads : Sizes{ 1, 3 })
                for (size_t n_rot : Sizes{ 0, 2, head_dim / 4 * 2, head_dim - 2, head_dim }) {
                    if (n_rot > head_dim || (n_rot == 0 && heads == 1)) continue;
                    const size_t turned = n_rot ? n_rot : head_dim, pairs = turned / 2;
                    Rng rng(head_dim + heads);
                    std::vector<E> cos_table(positions * pairs), sin_table(positions * pairs);
                    for (size_t i = 0; i < cos_table.size(); i++) {
                        const double angle = rng.uniform(-4, 4);
                        cos_table[i] = round_to<E>(std::cos(angle));
                        sin_table[i] = round_to<E>(std::sin(angle));
                    }
                    const Guarded<E>     c(cos_table), s(sin_table, Edge::begin);
                    const std::vector<E> qk = draw<E>(rng, heads * head_dim, head_dim % 4 ? Data::wide : Data::gaussian);
                    const std::string    at = std::string(style == gllm::RopeStyle::half ? "half" : "interleaved")
                                            + " heads=" + std::to_string(heads) + " head_dim=" + std::to_string(head_dim)
                                            + " n_rot=" + std::to_string(n_rot);
                    check_op<E>("rope", at, exact_rope(qk, c.data(), s.data(), heads, head_dim, turned, style),
                                [&](const CpuKernels<E>& k, E* out) {
                                    std::memcpy(out, qk.data(), qk.size() * sizeof(E));
                                    k.rope(out, c.data(), s.data(), heads, head_dim, style, n_rot);
                                });
                    const size_t row = (positions - 1) * pairs;
                    check_op<E>("rope_with_pos", at, exact_rope(qk, c.data() + row, s.data() + row, heads, head_dim, turned, style),
                                [&](const CpuKernels<E>& k, E* out) {
                                    std::memcpy(out, qk.data(), qk.size() * sizeof(E));
                                    k.rope_with_pos(out, c.data(), s.data(), heads, head_dim, positions - 1, style, n_rot);
                                });
                }
}

TEST_CASE_TEMPLATE("rope keeps NaN in its pair", E, ELEMENTS) {
    const size_t n = 34;
    std::vector<E> c(n / 2, round_to<E>(0.6)), s(n / 2, round_to<E>(0.8));
    for (gllm::RopeStyle style : { gllm::RopeStyle::interleaved, gllm::RopeStyle::half })
        for (size_t at = 0; at < n; at++) {
            std::vector<E> qk(n, round_to<E>(1));
            qk[at] = round_to<E>(QNAN);
            check_op<E>("rope", "NaN at " + std::to_string(at), exact_rope(qk, c.data(), s.data(), 1, n, n, style),
                        [&](const CpuKernels<E>& k, E* out) {
                            std::memcpy(out, qk.data(), n * sizeof(E));
                            k.rope(out, c.data(), s.data(), 1, n, style);
                        });
        }
}
