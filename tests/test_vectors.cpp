// vec_*: catches a wrong or double rounding in the elementwise operations, a reduction that loses accuracy in long sums, a
// NaN that gets lost, a read or write beyond the ends, results that depend on alignment, and in-place use going wrong.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

using namespace oracle;
using namespace test;
using gllm::CpuKernels;

// ---- elementwise ------------------------------------------------------------

TEST_CASE_TEMPLATE("vec_add vec_sub vec_mul vec_scale", E, ELEMENTS) {
    for (Data mode : { Data::gaussian, Data::equal, Data::mixed, Data::specials })
        for (size_t n : ragged()) {
            Rng        rng(n);
            const Edge edge = n % 2 ? Edge::end : Edge::begin;
            const Guarded<E> a(draw<E>(rng, n, mode), edge), b(draw<E>(rng, n, mode), edge);
            const float      s = float(draw_one<E>(rng, mode == Data::specials ? Data::mixed : mode));
            std::vector<E> sum(n), difference(n), product(n), scaled(n);
            for (size_t i = 0; i < n; i++) {
                sum[i]        = rounded<E>(value(a[i]) + value(b[i]));
                difference[i] = rounded<E>(value(a[i]) - value(b[i]));
                product[i]    = rounded<E>(value(a[i]) * value(b[i]));
                scaled[i]     = rounded<E>(value(a[i]) * value(s));
            }
            using K = const CpuKernels<E>&;
            const auto copy_of_a = [&](E* out) { if (n) std::memcpy(out, a.data(), n * sizeof(E)); };
            const auto copy_of_b = [&](E* out) { if (n) std::memcpy(out, b.data(), n * sizeof(E)); };
            const std::string at = shape(n, mode);
            check_bits<E>("vec_add", at, sum,        [&](K k, E* out) { k.vec_add(a.data(), b.data(), out, n); });
            check_bits<E>("vec_sub", at, difference, [&](K k, E* out) { k.vec_sub(a.data(), b.data(), out, n); });
            check_bits<E>("vec_mul", at, product,    [&](K k, E* out) { k.vec_mul(a.data(), b.data(), out, n); });
            check_bits<E>("vec_scale", at, scaled,   [&](K k, E* out) { copy_of_a(out); k.vec_scale(out, s, n); });
            check_bits<E>("vec_add, out = a", at, sum,        [&](K k, E* out) { copy_of_a(out); k.vec_add(out, b.data(), out, n); });
            check_bits<E>("vec_add, out = b", at, sum,        [&](K k, E* out) { copy_of_b(out); k.vec_add(a.data(), out, out, n); });
            check_bits<E>("vec_sub, out = b", at, difference, [&](K k, E* out) { copy_of_b(out); k.vec_sub(a.data(), out, out, n); });
            check_bits<E>("vec_mul, out = a", at, product,    [&](K k, E* out) { copy_of_a(out); k.vec_mul(out, b.data(), out, n); });
        }
}

TEST_CASE_TEMPLATE("vec_axpy", E, ELEMENTS) {                   // fused or not: each term may round once
    for (Data mode : PRODUCTS)
        for (size_t n : ragged()) {
            Rng rng(n);
            const Guarded<E> x(draw<E>(rng, n, mode)), y(draw<E>(rng, n, mode));
            const float      a = float(rng.gaussian());
            Want want;
            for (size_t i = 0; i < n; i++) {
                const double ax = value(a) * value(x[i]), r = value(y[i]) + ax;
                want.add(r, U * (std::fabs(ax) + std::fabs(r)) * (1 + 2 * U) + 2 * MIN_SUBNORMAL);
            }
            check_op<E>("vec_axpy", shape(n, mode), want, [&](const CpuKernels<E>& k, E* out) {
                if (n) std::memcpy(out, y.data(), n * sizeof(E));
                k.vec_axpy(out, a, x.data(), n);
            });
        }
}

TEST_CASE_TEMPLATE("vec_axpy with a NaN or infinity", E, ELEMENTS) {
    const std::vector<double> some = { QNAN, INF, -INF, 1, 0 };
    const size_t n = 37;
    for (double bad : some)
        for (size_t at : Sizes{ 0, 17, n - 1 }) {
            std::vector<E> x(n, round_to<E>(1)), y(n, round_to<E>(2));
            x[at] = round_to<E>(bad);
            Want want;
            for (size_t i = 0; i < n; i++) want.add(2 + 3 * value(x[i]), 0);
            check_op<E>("vec_axpy", "x has " + std::to_string(bad), want, [&](const CpuKernels<E>& k, E* out) {
                std::memcpy(out, y.data(), n * sizeof(E));
                k.vec_axpy(out, 3.0f, x.data(), n);
            });
        }
}

// ---- reductions -------------------------------------------------------------

/// A reduction is an operation with one output. call(kernels, a, b, n) -> E.
template <class E, class Call> void check_reduction(const char* op, const std::string& at, double want, double bound, Call call) {
    Want w;
    w.add(want, bound);
    check_op<E>(op, at, w, [&](const CpuKernels<E>& k, E* out) { *out = call(k); });
}

template <class E> void check_sums(const std::string& at, const E* a, const E* b, size_t n) {
    using K = const CpuKernels<E>&;
    const float one = 1;
    double abs, r = dot(a, 1, b, 1, n, &abs);
    check_reduction<E>("vec_dot", at, r, dot_bound(abs, n), [&](K k) { return k.vec_dot(a, b, n); });
    r = dot(a, 1, &one, 0, n, &abs);
    check_reduction<E>("vec_sum", at, r, dot_bound(abs, n), [&](K k) { return k.vec_sum(a, n); });
    r = dot(a, 1, a, 1, n, &abs);
    check_reduction<E>("vec_sum_squares", at, r, dot_bound(abs, n), [&](K k) { return k.vec_sum_squares(a, n); });
}

TEST_CASE_TEMPLATE("vec_dot vec_sum vec_sum_squares", E, ELEMENTS) {
    for (Data mode : PRODUCTS)
        for (size_t n : ragged()) {
            Rng        rng(n);
            const Edge edge = n % 2 ? Edge::begin : Edge::end;
            const Guarded<E> a(draw<E>(rng, n, mode), edge), b(draw<E>(rng, n, mode), edge);
            check_sums(shape(n, mode), a.data(), b.data(), n);
        }
}

TEST_CASE_TEMPLATE("long sums of equal values", E, ELEMENTS) {  // naive f32 sums stall here
    const size_t n = size_t(1) << (small() ? 20 : 24);
    for (size_t length : Sizes{ n, n - 1 })
        for (double v : { 0.1, 1.0 / 3 }) {
            const std::vector<E> a(length, round_to<E>(v)), b(length, round_to<E>(1 / 3.0));
            check_sums(shape(length) + " of " + std::to_string(v), a.data(), b.data(), length);
        }
}

TEST_CASE("equal values whose rounding errors all point one way") {
    Rng rng(4);
    for (size_t n : Sizes{ 100, 1000, 4096, small() ? 10000u : 100000u })
        for (int i = 0; i < 24; i++) {
            const std::vector<float> a(n, float(rng.uniform(1, 2))), b(n, float(rng.uniform(1, 2)));
            check_sums(shape(n) + " of " + std::to_string(a[0]) + ", " + std::to_string(b[0]), a.data(), b.data(), n);
        }
}

TEST_CASE_TEMPLATE("sums that cancel", E, ELEMENTS) {           // large terms of both signs; a small true sum
    for (size_t n : Sizes{ 64, 1000, 4099 }) {
        Rng rng(n);
        std::vector<E> a = draw<E>(rng, n), b(n, round_to<E>(1));
        for (size_t i = 0; i + 1 < n; i += 2) a[i + 1] = round_to<E>(-value(a[i]));
        check_sums(shape(n) + " cancelling", a.data(), b.data(), n);
    }
}

TEST_CASE_TEMPLATE("sums of NaN and infinities", E, ELEMENTS) {
    using K = const CpuKernels<E>&;
    for (size_t n : Sizes{ 1, 7, 16, 33, 70, 257 })
        for (size_t at = 0; at < n; at += n > 70 ? 37 : 1)
            for (double bad : { QNAN, INF, -INF }) {
                std::vector<E> x(n, round_to<E>(1));
                x[at] = round_to<E>(bad);
                const std::vector<E> ones(n, round_to<E>(1));
                const std::string where = shape(n) + " [" + std::to_string(at) + "] = " + std::to_string(bad);
                check_reduction<E>("vec_dot", where, bad, 0, [&](K k) { return k.vec_dot(x.data(), ones.data(), n); });
                check_reduction<E>("vec_dot", where, bad, 0, [&](K k) { return k.vec_dot(ones.data(), x.data(), n); });
                check_reduction<E>("vec_sum", where, bad, 0, [&](K k) { return k.vec_sum(x.data(), n); });
                check_reduction<E>("vec_sum_squares", where, bad * bad, 0, [&](K k) { return k.vec_sum_squares(x.data(), n); });
                double most = n > 1 ? 1 : bad;
                if (bad != bad || bad > 0) most = bad;
                check_reduction<E>("vec_max", where, most, 0, [&](K k) { return k.vec_max(x.data(), n); });
            }
}

TEST_CASE_TEMPLATE("vec_max", E, ELEMENTS) {
    using K = const CpuKernels<E>&;
    for (Data mode : { Data::gaussian, Data::equal, Data::mixed, Data::specials })
        for (size_t n : ragged()) {
            Rng rng(n);
            const Guarded<E> x(draw<E>(rng, n, mode), n % 2 ? Edge::end : Edge::begin);
            double most = -INF;
            for (size_t i = 0; i < n; i++) {
                const double v = value(x[i]);
                if (v != v || most != most) most = QNAN;
                else if (v > most) most = v;
            }
            check_reduction<E>("vec_max", shape(n, mode), most, 0, [&](K k) { return k.vec_max(x.data(), n); });
            check_exact<E>("vec_max", shape(n, mode), 1, [&](K k, E* out) { *out = k.vec_max(x.data(), n); });
        }
    // the largest at every place; every element below zero, so that a lane of padding would win
    for (size_t n : Sizes{ 1, 5, 16, 31, 67 })
        for (size_t at = 0; at < n; at++) {
            std::vector<E> x(n, round_to<E>(-3));
            x[at] = round_to<E>(-2);
            check_reduction<E>("vec_max", shape(n) + " largest at " + std::to_string(at), -2, 0,
                               [&](K k) { return k.vec_max(x.data(), n); });
            std::vector<E> zeros(n, round_to<E>(-0.0));
            zeros[at] = round_to<E>(0.0);
            check_reduction<E>("vec_max", "zeros", 0, 0, [&](K k) { return k.vec_max(zeros.data(), n); });
            check_exact<E>("vec_max", "-0 and one +0", 1, [&](K k, E* out) { *out = k.vec_max(zeros.data(), n); });
        }
}

TEST_CASE_TEMPLATE("vec_max of zeros: +0 if there is one, else -0", E, ELEMENTS) {
    const E minus = round_to<E>(-0.0), plus = round_to<E>(0.0);
    for (size_t n = 1; n <= 70; n += small() ? 7 : 1) {
        std::vector<E> x(n, minus);
        check_bits<E>("vec_max", shape(n) + " of -0", { minus }, [&](const CpuKernels<E>& k, E* out) { *out = k.vec_max(x.data(), n); });
        for (size_t at = 0; at < n; at += small() ? 5 : 1) {
            x[at] = plus;
            check_bits<E>("vec_max", shape(n) + " of -0, +0 at " + std::to_string(at), { plus },
                          [&](const CpuKernels<E>& k, E* out) { *out = k.vec_max(x.data(), n); });
            x[at] = round_to<E>(-1);
            check_bits<E>("vec_max", shape(n) + " of -0, -1 at " + std::to_string(at), { n > 1 ? minus : x[at] },
                          [&](const CpuKernels<E>& k, E* out) { *out = k.vec_max(x.data(), n); });
            x[at] = minus;
        }
    }
}

TEST_CASE_TEMPLATE("the alignment of the inputs changes no bit", E, ELEMENTS) {
    for (size_t n : Sizes{ 5, 16, 31, 100, 1000 }) {
        Rng rng(n);
        const std::vector<E> a = draw<E>(rng, n), b = draw<E>(rng, n);
        for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
            TEST_INFO("reductions", isa, E, shape(n));
            const E first[] = { k.vec_dot(a.data(), b.data(), n), k.vec_sum(a.data(), n), k.vec_sum_squares(a.data(), n) };
            for (size_t offset = 0; offset < 16; offset++) {
                Fenced<E> fa(n, offset), fb(n, 15 - offset);
                std::memcpy(fa.data(), a.data(), n * sizeof(E));
                std::memcpy(fb.data(), b.data(), n * sizeof(E));
                const E again[] = { k.vec_dot(fa.data(), fb.data(), n), k.vec_sum(fa.data(), n), k.vec_sum_squares(fa.data(), n) };
                CHECK_MESSAGE(std::memcmp(first, again, sizeof first) == 0, "offset " << offset << ": " << differ(again, first, 3));
            }
        });
    }
}

TEST_CASE_TEMPLATE("n = 0 touches nothing", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("n = 0", isa, E, "");
        const E* none = nullptr;
        E*       out = nullptr;
        k.vec_add(none, none, out, 0);
        k.vec_sub(none, none, out, 0);
        k.vec_mul(none, none, out, 0);
        k.vec_scale(out, 2.0f, 0);
        k.vec_axpy(out, 2.0f, none, 0);
        CHECK(value(k.vec_dot(none, none, 0)) == 0);
        CHECK(value(k.vec_sum(none, 0)) == 0);
        CHECK(value(k.vec_sum_squares(none, 0)) == 0);
        CHECK(value(k.vec_max(none, 0)) == -INF);
    });
}

TEST_CASE("scalars may be of any element type") {
    for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
        TEST_INFO("vec_scale", isa, float, "s = 1.5 as f16 and bf16");
        float x[2] = { 2, -4 };
        k.vec_scale(x, round_to<f16>(1.5), 2);
        k.vec_scale(x, round_to<bf16>(1.5), 2);
        CHECK(x[0] == 4.5f);
        CHECK(x[1] == -9.0f);
    });
}

// ---- conversion -------------------------------------------------------------

TEST_CASE_TEMPLATE("table().widen and narrow", E, ELEMENTS) {
    for (size_t n : ragged()) {
        Rng rng(n);
        const Guarded<E>     x(draw<E>(rng, n, Data::specials));
        const Guarded<float> y(draw<float>(rng, n, Data::specials), Edge::begin);
        std::vector<float> wide(n);
        std::vector<E>     narrow(n);
        for (size_t i = 0; i < n; i++) wide[i] = float(value(x[i])), narrow[i] = round_to<E>(value(y[i]));
        for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
            TEST_INFO("widen, narrow", isa, E, shape(n));
            Fenced<float> w(n, n % 4);
            Fenced<E>     e(n, n % 4);
            k.table().widen(x.data(), w.data(), n);
            k.table().narrow(y.data(), e.data(), n);
            const std::string wrong = differ(w.data(), wide.data(), n) + w.broken() + differ(e.data(), narrow.data(), n) + e.broken();
            CHECK_MESSAGE(wrong.empty(), wrong);
        });
    }
}
