// The truth that the tests compare with: conversions and operations in double, written from the definitions
// and sharing nothing with the library but its type names. SPDX-License-Identifier: MIT
#ifndef TESTS_ORACLE_HPP
#define TESTS_ORACLE_HPP

#ifndef GLLM_KERNELS_THREADS
#define GLLM_KERNELS_THREADS
#endif
#include "../gllm_kernels.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

namespace oracle {

using gllm::bf16;
using gllm::f16;

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double QNAN = std::numeric_limits<double>::quiet_NaN();
constexpr double U = 1.0 / (1 << 24);                           // half an ulp of f32, relative: 2^-24
constexpr double MAX_F32 = 0x1.fffffep127;
constexpr double MIN_NORMAL = 0x1p-126;                         // of f32
constexpr double MIN_SUBNORMAL = 0x1p-149;

template <class To, class From> To bit_cast(From from) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// ---- binary formats ---------------------------------------------------------
// p significand bits with the hidden one, smallest normal 2^emin; below it the steps stay as they are at 2^emin.

template <class E> struct Format;
template <> struct Format<float> { using Bits = uint32_t; enum { p = 24, emin = -126 }; static const char* name() { return "f32"; } };
template <> struct Format<f16>   { using Bits = uint16_t; enum { p = 11, emin = -14 };  static const char* name() { return "f16"; } };
template <> struct Format<bf16>  { using Bits = uint16_t; enum { p = 8, emin = -126 };  static const char* name() { return "bf16"; } };

template <class E> typename Format<E>::Bits bits_of(E x) { return bit_cast<typename Format<E>::Bits>(x); }
template <class E> constexpr int exponent_bits() { return int(8 * sizeof(E)) - int(Format<E>::p); }
template <class E> constexpr uint64_t infinity_bits() {
    return ((uint64_t(1) << exponent_bits<E>()) - 1) << (int(Format<E>::p) - 1);
}

/// The value of a bit pattern, by the definition of the format.
template <class E> double decode(typename Format<E>::Bits bits) {
    const int      p = Format<E>::p, emin = Format<E>::emin;
    const uint64_t magnitude = bits & ((uint64_t(1) << (8 * sizeof(E) - 1)) - 1), sign = uint64_t(bits) >> (8 * sizeof(E) - 1);
    const int      exponent = int(magnitude >> (p - 1));
    const double   fraction = double(magnitude & ((uint64_t(1) << (p - 1)) - 1));
    double value;
    if (magnitude > infinity_bits<E>())       value = QNAN;
    else if (magnitude == infinity_bits<E>()) value = INF;
    else if (exponent == 0)                   value = std::ldexp(fraction, emin - (p - 1));
    else value = std::ldexp(fraction + double(uint64_t(1) << (p - 1)), exponent - 1 + emin - (p - 1));
    return sign ? -value : value;
}

/// x rounded once to E, nearest even; NaN to the canonical quiet one, overflow to infinity.
template <class E> E round_to(double x) {
    const int      p = Format<E>::p, emin = Format<E>::emin;
    const uint64_t u = bit_cast<uint64_t>(x), magnitude = u & ~(uint64_t(1) << 63), inf = infinity_bits<E>();
    const int      e = int(magnitude >> 52) - 1023;
    uint64_t bits;
    if (x != x)               bits = inf | (uint64_t(1) << (p - 2));
    else if (e > 1 - emin)   bits = inf;                       // the largest exponent
    else {
        const int drop = 53 - p + (e < emin ? emin - e : 0);
        bits = 0;
        if (drop <= 54 && e > -1023) {
            const uint64_t m = (magnitude & ((uint64_t(1) << 52) - 1)) | (uint64_t(1) << 52);
            const uint64_t rest = m & ((uint64_t(1) << drop) - 1), half = uint64_t(1) << (drop - 1);
            bits = m >> drop;
            bits += rest > half || (rest == half && (bits & 1));
            if (e >= emin) bits += uint64_t(e - emin) << (p - 1);   // the hidden bit is the missing one
        }
        if (bits > inf) bits = inf;
    }
    bits |= (u >> 63) << (8 * sizeof(E) - 1);
    return bit_cast<E>(typename Format<E>::Bits(bits));
}
template <> inline float round_to<float>(double x) { return float(x); }

/// An exact result as f32 arithmetic gives it: rounded to f32, then to E.
template <class E> E rounded(double exact) { return round_to<E>(double(float(exact))); }

inline double value(float x) { return double(x); }
template <class E> double value(E x) {                          // through a table: f16 and bf16 have 65536 values
    static const std::vector<double> table = [] {
        std::vector<double> t(65536);
        for (uint32_t i = 0; i < 65536; i++) t[i] = decode<E>(uint16_t(i));
        return t;
    }();
    return table[x.bits];
}

/// The distance of neighbours in E at |x|.
template <class E> double ulp(double x) {
    if (!std::isfinite(x)) return INF;
    if (x == 0 || std::fabs(x) < std::ldexp(1.0, Format<E>::emin)) return std::ldexp(1.0, Format<E>::emin - (Format<E>::p - 1));
    return std::ldexp(1.0, std::ilogb(x) - (Format<E>::p - 1));
}

/// Values of E that lie between a and b, of any sign; both zeros are one value. NaN is far from everything.
template <class E> double ulp_distance(E a, E b) {
    if (value(a) != value(a) || value(b) != value(b)) return INF;
    const auto rank = [](E x) {
        const int64_t i = int64_t(bits_of(x)), top = int64_t(1) << (8 * sizeof(E) - 1);
        return double(i < top ? i : top - i);
    };
    return std::fabs(rank(a) - rank(b));
}

// ---- what a result may be ---------------------------------------------------

/// Exact values, and for each the error that the f32 arithmetic may make before the one rounding to E.
struct Want {
    std::vector<double> value, bound;
    void add(double v, double b) { value.push_back(v); bound.push_back(b); }
    size_t size() const { return value.size(); }
};

/// Is got a rounding of something within bound of want? f32 needs none; f16 and bf16 may round either end of the interval.
/// NaN must stay NaN, and infinity itself. Where f32 cannot hold the terms (an infinite bound) even NaN will do.
template <class E> bool accept(E got, double want, double bound) {
    const double g = value(got);
    if (want != want) return g != g;
    if (g != g) return bound == INF && !std::isinf(want);
    if (g == want) return true;
    if (std::isinf(want)) return false;
    if (bound == INF) return true;
    if (std::is_same<E, float>::value && !std::isinf(g)) return std::fabs(g - want) <= bound;
    return value(round_to<E>(want - bound)) <= g && g <= value(round_to<E>(want + bound));
}

// ---- operations -------------------------------------------------------------

inline double silu(double x)       { return x == -INF ? -0.0 : x / (1 + std::exp(-x)); }
inline double gelu(double x) {                                  // (1 + tanh u) / 2 = 1 / (1 + e^(-2u))
    const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
    return x == -INF ? -0.0 : x / (1 + std::exp(-2 * u));
}
inline double gelu_erf(double x)   { return x == -INF ? -0.0 : 0.5 * x * std::erfc(-x * std::sqrt(0.5)); }
inline double gelu_quick(double x) { return x == -INF ? -0.0 : x / (1 + std::exp(-1.702 * x)); }
inline double relu(double x)       { return x != x ? x : x > 0 ? x : 0; }

/// sum of a_i b_i over i < n, a at steps of sa and b at steps of sb. abs: the sum of |a_i b_i|.
template <class A, class B> double dot(const A* a, size_t sa, const B* b, size_t sb, size_t n, double* abs) {
    double sum = 0, sum_abs = 0;
    for (size_t i = 0; i < n; i++) {
        const double t = value(a[i * sa]) * value(b[i * sb]);
        sum += t;
        sum_abs += std::fabs(t);
    }
    *abs = sum_abs;
    return sum;
}

// ---- what is promised -------------------------------------------------------
// The numbers of the manual, and of nothing else in the tests: errors of f32 arithmetic before the one rounding to E.

constexpr double DOT_UNITS = 64;                                // of 2^-24 sum |terms|: dots, sums, gemv, any n
inline double product_units(size_t k) { return k <= 4096 ? 160 : 256; }      // the same for dense and exact quantised products
constexpr double FAST = 1.0 / 250;                              // of sum over 32-groups max |x| sum |w|
constexpr double ROW_ULP = 16;                                  // of the largest result: softmax, rms_norm, layer_norm

/// `units` of 2^-24 sum |terms|, plus what underflow of n terms may cost. Where the terms themselves exceed f32 anything goes.
inline double units_bound(double units, double abs, size_t n) {
    return abs > MAX_F32 ? INF : units * U * abs + double(n) * MIN_SUBNORMAL;
}
inline double dot_bound(double abs, size_t n)  { return units_bound(DOT_UNITS, abs, n); }
inline double gemm_bound(double abs, size_t k) { return units_bound(product_units(k), abs, k); }

/// Of a row: relative to its largest result, or what else it is measured by.
inline void bound_by_largest(Want& want, double most = 0) {
    for (double v : want.value) if (std::fabs(v) > most) most = std::fabs(v);
    for (double& b : want.bound) b = ROW_ULP * ulp<float>(most);
}

template <class E> Want softmax(const std::vector<E>& x) {
    Want   want;
    double most = -INF, sum = 0;
    for (E e : x) most = value(e) > most || value(e) != value(e) ? value(e) : most;
    for (E e : x) sum += std::exp(value(e) - most);
    for (E e : x) want.add(most == -INF ? 0 : std::exp(value(e) - most) / sum, 0);
    bound_by_largest(want);
    return want;
}
template <class E> Want rms_norm(const std::vector<E>& x, const std::vector<E>& w, float eps) {
    Want   want;
    double sum = 0;
    for (E e : x) sum += value(e) * value(e);
    const double root = std::sqrt(sum / double(x.size()) + value(eps));
    for (size_t i = 0; i < x.size(); i++) want.add(value(x[i]) * value(w[i]) / root, 0);
    bound_by_largest(want);
    return want;
}
/// The bound of layer_norm is relative to the largest of its results and of what they are made of: |gamma| |x - mean| / sigma, |beta|.
template <class E> Want layer_norm(const std::vector<E>& x, const std::vector<E>& gamma, const std::vector<E>& beta, float eps) {
    Want   want;
    double sum = 0, squares = 0, reach = 0, steep = 0, most = 0;
    for (E e : x) sum += value(e) - value(x[0]);                // the mean of data far from zero, to all digits of double
    const double mean = sum / double(x.size()) + (x.empty() ? 0 : value(x[0]));
    const auto   centred = [&](E e) { return (value(e) - value(x[0])) - sum / double(x.size()); };
    if (mean - mean == 0)
        for (E e : x) squares += centred(e) * centred(e);
    else squares = QNAN;
    const double root = std::sqrt(squares / double(x.size()) + value(eps));
    for (size_t i = 0; i < x.size(); i++) {
        reach = std::fmax(reach, std::fabs(centred(x[i])));
        steep = std::fmax(steep, std::fabs(value(gamma[i])));
        most  = std::fmax(most, std::fabs(value(beta[i])));
        want.add(centred(x[i]) / root * value(gamma[i]) + value(beta[i]), 0);
    }
    const double product = reach / root * steep;
    bound_by_largest(want, product > most ? product : most);
    return want;
}

/// C[m][n] = A[m][k] B, B as [k][n].
template <class E> Want gemm(const E* a, const E* b, size_t m, size_t n, size_t k) {
    Want want;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double abs;
            const double sum = dot(a + i * k, 1, b + j, n, k, &abs);
            want.add(sum, gemm_bound(abs, k));
        }
    return want;
}

/// The same plus bias[n]: one more rounding.
template <class E> Want plus_bias(Want want, const E* bias, size_t n) {
    for (size_t i = 0; i < want.size(); i++) {
        want.value[i] += value(bias[i % n]);
        want.bound[i] += U * (std::fabs(want.value[i]) + want.bound[i]);
    }
    return want;
}

/// act of it. The steepest slope of an activation, 1.13 of gelu, carries the error on, and the activation adds its 4 ulp.
inline Want activated(Want want, gllm::Activation act) {
    for (size_t i = 0; i < want.size(); i++) {
        double& y = want.value[i];
        switch (act) {
            case gllm::Activation::none: continue;
            case gllm::Activation::relu: y = relu(y); continue;
            case gllm::Activation::gelu: y = gelu(y); break;
            case gllm::Activation::silu: y = silu(y); break;
            case gllm::Activation::tanh: y = std::tanh(y); break;
        }
        if (want.bound[i] < INF) want.bound[i] = 1.13 * want.bound[i] + 4 * ulp<float>(y) + MIN_NORMAL;
    }
    return want;
}

} // namespace oracle

#endif
