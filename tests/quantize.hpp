// What the tests of quantize have in common: rows of three shapes, their blocks, and the errors of a format on them.
// SPDX-License-Identifier: MIT
#ifndef TESTS_QUANTIZE_HPP
#define TESTS_QUANTIZE_HPP

#include "quant_oracle.hpp"

namespace test {

using Floats = std::vector<float>;

inline quant::Bytes quantize(gllm::QuantType type, const Floats& x, size_t k, const float* importance = nullptr) {
    quant::Bytes blocks(x.size() / gllm::block_size(type) * gllm::block_bytes(type));
    const gllm::Status s =
        gllm::CpuKernels<float>().quantize(type, x.data(), x.size() / k, k, importance, blocks.data());
    CHECK_MESSAGE(s, "refused: " << text(s.what));
    const gllm::Status sane = gllm::validate_blocks(type, blocks.data(), blocks.size());
    CHECK_MESSAGE(sane, quant::format(type).name << ": " << text(sane.what));
    return blocks;
}
inline std::vector<double> decoded(gllm::QuantType type, const quant::Bytes& blocks) {
    return quant::decode(type, blocks.data(), blocks.size() / gllm::block_bytes(type) * gllm::block_size(type));
}
/// Sum of squares of x - y, each times the importance of its column of k.
template <class Y>
double squares(const Floats& x, const std::vector<Y>& y, const float* importance = nullptr, size_t k = 1) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); i++) {
        const double e = double(x[i]) - double(y[i]);
        sum += e * e * (importance ? double(importance[i % k]) : 1);
    }
    return sum;
}
inline double squares(const Floats& x, const float* importance = nullptr, size_t k = 1) {
    return squares(x, Floats(x.size()), importance, k);
}

enum Shape { GAUSS, LAPLACE, HEAVY };
inline double draw_of(Rng& rng, Shape shape) {
    if (shape == GAUSS) return rng.gaussian();
    const double u = rng.uniform(-1, 1), v = 1 - std::fabs(u) + 1e-12;
    return (u < 0 ? -1 : 1) * (shape == LAPLACE ? -std::log(v) : std::pow(v, -0.25) - 1);       // a tail like x^-5
}
inline Floats draw_row(Rng& rng, size_t n, Shape shape, double scale = 0.02) {
    Floats x(n);
    for (float& f : x) f = float(scale * draw_of(rng, shape));
    return x;
}
inline Floats draw_importance(Rng& rng, size_t k) {
    Floats w(k);
    for (float& f : w) f = float(std::exp(1.5 * rng.gaussian()));
    return w;
}

/// The squared error of rows of each shape over their squares is below the bound, `slack` times it for few rows, and above
/// `tight` times it: a bound that is far off catches nothing.
inline void check_errors(gllm::QuantType type, const double (&bound)[3], size_t rows, double slack, double tight) {
    const size_t k = 1536;
    for (Shape shape : { GAUSS, LAPLACE, HEAVY }) {
        Rng rng(uint64_t(shape) + 1);
        const Floats x = draw_row(rng, rows * k, shape);
        const double error = squares(x, decoded(type, quantize(type, x, k))) / squares(x);
        INFO(quant::format(type).name << " shape " << int(shape) << ", seed " << seed());
        CHECK_MESSAGE(error < bound[shape] * (small() ? slack : 1), error);
        CHECK_MESSAGE(error > bound[shape] * tight, error << ": better than the bound by far: tighten it");
    }
}
/// What importance leaves of the weighted error of a Gaussian row.
inline double left_by_importance(gllm::QuantType type) {
    const size_t rows = small() ? 4 : 16, k = 1536;
    Rng rng(uint64_t(type) + 10);
    const Floats x = draw_row(rng, rows * k, GAUSS), w = draw_importance(rng, k);
    return squares(x, decoded(type, quantize(type, x, k, w.data())), w.data(), k) /
           squares(x, decoded(type, quantize(type, x, k)), w.data(), k);
}

} // namespace test

#endif
