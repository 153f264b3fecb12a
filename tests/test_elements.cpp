// Element<E>: catches a conversion that is not the definition of its format, double or wrong rounding, NaN that turns into a
// number or signals, overflow that saturates, and arithmetic that is not one rounding of the exact result.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

using namespace oracle;
using namespace test;
using gllm::Element;

TEST_CASE_TEMPLATE("constants", E, ELEMENTS) {
    CHECK(value(Element<E>::ZERO) == 0);
    CHECK(bits_of(Element<E>::ZERO) == 0);
    CHECK(value(Element<E>::ONE) == 1);
    CHECK(Element<float>::ELEM_ID == 0);
    CHECK(Element<gllm::f16>::ELEM_ID == 1);
    CHECK(Element<gllm::bf16>::ELEM_ID == 2);
    E e = Element<E>::ONE;
    const void* const same_place = std::is_same<E, float>::value ? &e : nullptr;
    CHECK(static_cast<const void*>(Element<E>::as_f32(&e)) == same_place);
}

TEST_CASE_TEMPLATE("to_f32: every value", E, gllm::f16, gllm::bf16) {
    size_t wrong = 0;
    uint32_t first = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        const E      e = bit_cast<E>(uint16_t(i));
        const double exact = decode<E>(uint16_t(i)), got = value(Element<E>::to_f32(e));
        const bool   right = exact != exact ? got != got : got == exact && std::signbit(got) == std::signbit(exact);
        if (!right && wrong++ == 0) first = i;
    }
    CHECK_MESSAGE(wrong == 0, wrong << " wrong, first 0x" << std::hex << first);
}

TEST_CASE("f32 passes through") {
    for (double x : { 1.5, -0.0, 1e-45, 3e38, INF }) {
        CHECK(value(Element<float>::to_f32(float(x))) == value(float(x)));
        CHECK(bits_of(Element<float>::from_f32(float(x))) == bits_of(float(x)));
    }
}

/// Rounding of one float; counts what differs from the definition. Every NaN must become a quiet NaN of the same sign.
template <class E> bool rounds_right(float x) {
    const uint16_t got = Element<E>::from_f32(x).bits, want = round_to<E>(value(x)).bits;
    const double back = value(bit_cast<E>(got));
    if (x != x) return back != back && (got >> (Format<E>::p - 2) & 1) && got >> 15 == bits_of(x) >> 31;
    return got == want;
}

TEST_CASE_TEMPLATE("from_f32: a stride through all floats", E, gllm::f16, gllm::bf16) {
    const uint64_t stride = full() ? 1 : small() ? 4099 : 211;
    size_t wrong = 0;
    uint64_t first = 0;
    for (uint64_t i = seed() % stride; i < uint64_t(1) << 32; i += stride)
        if (!rounds_right<E>(bit_cast<float>(uint32_t(i))) && wrong++ == 0) first = i;
    CHECK_MESSAGE(wrong == 0, wrong << " wrong, first 0x" << std::hex << first);
}

TEST_CASE_TEMPLATE("from_f32: ties and their neighbours, around every value", E, gllm::f16, gllm::bf16) {
    size_t wrong = 0;
    float  first = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        const double here = decode<E>(uint16_t(i)), next = decode<E>(uint16_t(i + 1));
        if (here != here || next != next || std::isinf(here)) continue;
        const double middle = std::isinf(next) ? here + (here - decode<E>(uint16_t(i - 1))) / 2 : (here + next) / 2;
        const int32_t bits = bit_cast<int32_t>(float(middle));
        for (int d = -1; d <= 1; d++) {
            const float x = bit_cast<float>(bits + d);
            if (!rounds_right<E>(x) && wrong++ == 0) first = x;
        }
        if (!rounds_right<E>(float(here)) && wrong++ == 0) first = float(here);
    }
    CHECK_MESSAGE(wrong == 0, wrong << " wrong, first at " << first);
}

TEST_CASE_TEMPLATE("from_f32 and back: every value returns", E, gllm::f16, gllm::bf16) {
    size_t wrong = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        const E e = bit_cast<E>(uint16_t(i));
        wrong += !same(Element<E>::from_f32(Element<E>::to_f32(e)), e);
    }
    CHECK(wrong == 0);
}

// ---- arithmetic -------------------------------------------------------------

/// a + b to 53 bits with the last one odd when anything was lost: rounding it again gives the rounding of the exact sum.
inline double sum_to_odd(double a, double b) {
    const double s = a + b;
    if (s != s || std::isinf(s)) return s;
    const double t = s - a, lost = (a - (s - t)) + (b - t);
    const uint64_t bits = bit_cast<uint64_t>(s);
    if (lost == 0 || (bits & 1)) return s;
    return bit_cast<double>((lost > 0) == (s > 0) ? bits + 1 : bits - 1);
}

template <class E> struct Tally {
    size_t wrong = 0;
    std::string first;
    void see(const char* op, E got, E want, std::initializer_list<E> args) {
        if (same(got, want) || wrong++) return;
        std::ostringstream s;
        s.precision(10);
        s << op << "(";
        for (E e : args) s << " " << value(e);
        s << " ) = " << value(got) << ", want " << value(want);
        first = s.str();
    }
};

TEST_CASE_TEMPLATE("arithmetic is one rounding of the f32 result", E, ELEMENTS) {
    using T = Element<E>;
    Tally<E> tally;
    Rng rng(1);
    const size_t cases = small() ? 20000 : 400000;
    for (size_t i = 0; i < cases; i++) {
        const Data mode = i % 3 ? Data::specials : Data::gaussian;
        const E a = round_to<E>(draw_one<E>(rng, mode)), b = round_to<E>(draw_one<E>(rng, mode)), c = round_to<E>(draw_one<E>(rng, mode));
        const double x = value(a), y = value(b), z = value(c);
        tally.see("add", T::add(a, b), rounded<E>(x + y), { a, b });
        tally.see("sub", T::sub(a, b), rounded<E>(x - y), { a, b });
        tally.see("mul", T::mul(a, b), rounded<E>(x * y), { a, b });
        tally.see("div", T::div(a, b), rounded<E>(x / y), { a, b });
        tally.see("sqrt", T::sqrt(a), rounded<E>(std::sqrt(x)), { a });
        tally.see("recip", T::recip(a), rounded<E>(1 / x), { a });
        tally.see("neg", T::neg(a), round_to<E>(-x), { a });
        tally.see("abs", T::abs(a), round_to<E>(std::fabs(x)), { a });
        tally.see("mul_add", T::mul_add(a, b, c), round_to<E>(sum_to_odd(x, y * z)), { a, b, c });
        const double most = x != x || y != y ? QNAN : x > y ? x : y, least = x != x || y != y ? QNAN : x < y ? x : y;
        if (x != 0 || y != 0) {                                 // of two zeros either may be the larger
            tally.see("max", T::max(a, b), round_to<E>(most), { a, b });
            tally.see("min", T::min(a, b), round_to<E>(least), { a, b });
        }
    }
    CHECK_MESSAGE(tally.wrong == 0, tally.wrong << " wrong, first " << tally.first);
}

TEST_CASE_TEMPLATE("mul_add: a product half way between two values, tipped by a tiny addend", E, ELEMENTS) {
    Tally<E> tally;
    Rng rng(2);
    const int p = Format<E>::p;
    const size_t cases = small() ? 2000 : 40000;
    for (size_t i = 0; i < cases; i++) {
        const E a = round_to<E>(1 + std::ldexp(double(rng.below(size_t(1) << (p - 1))), 1 - p));
        const E b = round_to<E>(1.5 + double(rng.below(2)) * 0.25);
        for (int e : { -13, -24, -60, -100 })
            for (double sign : { 1.0, -1.0, 0.0 }) {
                const E c = round_to<E>(sign * std::ldexp(1.0, e));
                tally.see("mul_add", Element<E>::mul_add(c, a, b), round_to<E>(sum_to_odd(value(c), value(a) * value(b))), { c, a, b });
            }
    }
    CHECK_MESSAGE(tally.wrong == 0, tally.wrong << " wrong, first " << tally.first);
}

TEST_CASE_TEMPLATE("exp and tanh of one element: 2 ulp of f32, then one rounding", E, ELEMENTS) {
    Rng rng(3);
    size_t wrong = 0;
    double first = 0;
    for (size_t i = 0; i < (small() ? 5000u : 100000u); i++) {
        const E x = round_to<E>(i % 4 ? rng.uniform(-12, 12) : i % 8 ? rng.uniform(-105, 90) : draw_one<E>(rng, Data::specials));
        const double e = std::exp(value(x)), t = std::tanh(value(x)), slack = keeps_subnormals ? 0 : MIN_NORMAL;
        const bool right = accept(Element<E>::exp(x), e, 2 * ulp<float>(e) + slack)
                        && accept(Element<E>::tanh(x), t, 2 * ulp<float>(t) + slack);
        if (!right && wrong++ == 0) first = value(x);
    }
    CHECK_MESSAGE(wrong == 0, wrong << " wrong, first at x = " << first);
}

TEST_CASE("f32: a signalling NaN becomes a quiet one of the same sign") {
    using T = Element<float>;
    for (uint32_t sign : { 0u, 0x80000000u }) {
        const float nan = bit_cast<float>(0x7fa00000u | sign);
        CHECK(bits_of(T::from_f32(nan)) == (0x7fe00000u | sign));
        CHECK(bits_of(T::to_f32(nan)) == (0x7fe00000u | sign));
        CHECK(bits_of(T::neg(nan)) == (0x7fe00000u | (sign ^ 0x80000000u)));
        CHECK(bits_of(T::abs(nan)) == 0x7fe00000u);
    }
}

TEST_CASE_TEMPLATE("max and min keep NaN; arithmetic overflows to infinity", E, ELEMENTS) {
    using T = Element<E>;
    const E nan = round_to<E>(QNAN), one = T::ONE, big = round_to<E>(std::is_same<E, f16>::value ? 60000 : 3e38);
    for (E r : { T::max(nan, one), T::max(one, nan), T::min(nan, one), T::min(one, nan), T::exp(nan), T::tanh(nan), T::sqrt(T::neg(one)),
                 T::mul_add(nan, one, one), T::mul_add(one, nan, one), T::abs(nan), T::recip(nan) })
        CHECK(value(r) != value(r));
    CHECK(value(T::add(big, big)) == INF);
    CHECK(value(T::mul(big, T::neg(big))) == -INF);
    CHECK(value(T::recip(T::ZERO)) == INF);
    CHECK(value(T::div(T::neg(one), T::ZERO)) == -INF);
    CHECK(value(T::exp(big)) == INF);
    CHECK(bits_of(T::neg(T::ZERO)) == bits_of(round_to<E>(-0.0)));
}

TEST_CASE("Scalar widens exactly") {
    CHECK(gllm::Scalar(1.25f).value == 1.25f);
    CHECK(gllm::Scalar(round_to<f16>(0.1)).value == float(value(round_to<f16>(0.1))));
    CHECK(gllm::Scalar(round_to<bf16>(0.1)).value == float(value(round_to<bf16>(0.1))));
    if (keeps_subnormals) CHECK(value(gllm::Scalar(f16{ 1 }).value) == std::ldexp(1.0, -24));
}
