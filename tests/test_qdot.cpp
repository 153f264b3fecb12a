// The kernels that multiply rows of codes by a few prepared rows of x, each called as the library calls it: bit for bit against the twin
// over the primitives, and against the double product of what the blocks decode to. Catches codes or scales read wrongly, integers that
// saturate, an order of sums that differs, reads beyond the weights or x, segments mixed up, and broken calling conventions.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "calling.hpp"
#include "kernels.hpp"
#include "quant_oracle.hpp"
#include <algorithm>

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

using gllm::Precision;
using gllm::QuantType;
using quant::Fill;
using test::Kernel;

/// What a kernel takes, as it reads it.
struct Job {
    const uint8_t* weights;
    size_t         row_bytes, segment_bytes, rows, blocks, digits;
    const uint8_t* x;
    float*         y;
    size_t         y_segment;
    const void*    codebook;
    size_t         inputs, x_bytes, y_row;
    alignas(64) uint8_t room[1024 + 16 * 320];
};
static_assert(offsetof(Job, room) == 128, "where kernels have their room");

enum class Inputs { random, highest, lowest, alternating, outliers, zeros };
const Inputs INPUTS[] = { Inputs::random, Inputs::highest, Inputs::lowest, Inputs::alternating, Inputs::outliers, Inputs::zeros };

std::vector<float> draw_x(test::Rng& rng, size_t k, Inputs kind) {
    std::vector<float> x(k);
    for (size_t i = 0; i < k; i++) {
        const float g = float(rng.gaussian());
        x[i] = kind == Inputs::random ? g : kind == Inputs::highest ? 3 : kind == Inputs::lowest ? -3 : kind == Inputs::alternating ? (i % 2 ? 3.0f : -3.0f)
             : kind == Inputs::outliers ? (i % 37 ? g / 1000 : 1000 * g) : 0;
    }
    return x;
}

void check(const Kernel& kernel, size_t m, size_t rows, size_t blocks, size_t digits, Fill codes, Inputs inputs, test::Edge edge) {
    const QuantType type = QuantType(kernel.kind);
    const size_t    k = 256 * blocks, n = kernel.rows * rows, bytes = gllm::row_bytes(type, k);
    INFO(test::text(kernel.name) << " m=" << m << " rows=" << n << " k=" << k << " digits=" << digits << " codes " << int(codes) << " inputs " << int(inputs)
         << (edge == test::Edge::end ? " at the end" : " at the beginning") << " of a page, seed " << test::seed());
    test::Rng rng(rows * 1000 + blocks * 16 + digits * 4 + size_t(codes));
    const test::Guarded<uint8_t> w(quant::make_rows(rng, type, n, k, codes, true), edge);
    const std::vector<float>     x = draw_x(rng, m * k, inputs);
    const size_t                 x_bytes = test::prepared_bytes(kernel, k, digits), y_row = n + 3;
    std::vector<uint8_t>         prepared(m * x_bytes);
    for (size_t i = 0; i < m; i++) test::prepare(kernel, x.data() + i * k, k, digits, prepared.data() + i * x_bytes);
    const test::Guarded<uint8_t> px(prepared, test::Edge::end);

    test::Fenced<float> y(m * y_row, 0);
    static Job job;                                             // static: aligned on every system
    const void* const codebook = test::codebook(kernel);
    job = { w.data(), bytes, rows * bytes, rows, blocks, digits, px.data(), y.data(), rows, codebook, m, x_bytes, y_row, {} };
    const std::string convention = test::call(reinterpret_cast<void (*)(Job*)>(kernel.run), &job);
    CHECK_MESSAGE(convention.empty(), convention);
    const std::string broken = y.broken();
    CHECK_MESSAGE(broken.empty(), broken);

    const std::vector<double> weights = quant::decode(type, w.data(), n * k);
    std::vector<float> twin(n);
    for (size_t i = 0; i < m; i++) {
        const float* const row = y.data() + i * y_row;
        test::twin_of_dots(kernel, w.data(), n, x.data() + i * k, k, px.data() + i * x_bytes, digits, twin.data());
        const std::string bits = test::differ(row, twin.data(), n);
        CHECK_MESSAGE(bits.empty(), bits);
        const oracle::Want want = quant::promised(quant::product(x.data() + i * k, weights.data(), 1, n, k),
                                                  digits == 1 ? Precision::fast : Precision::exact, k);
        const std::string wrong = test::compare(row, want);
        CHECK_MESSAGE(wrong.empty(), wrong);
        for (size_t r = n; r < y_row; r++) CHECK(std::isnan(row[r]));      // between the rows, as it was
    }
}

} // namespace

TEST_CASE("rows of codes") {
    for (const Kernel& kernel : test::kernels("dot_rows")) {
        REQUIRE_MESSAGE(kernel.formats, test::text(kernel.name) << " is used by no instruction set");
        if (!kernel.present) { MESSAGE("skipped: " << test::text(kernel.name) << ", not for this CPU"); continue; }
        for (size_t digits : { 1u, 3u }) {
            for (size_t blocks : { 1u, 2u, 3u, 4u, 5u, 8u, 15u, 16u, 17u, 33u })
                for (size_t rows : { 1u, 3u })
                    for (test::Edge edge : { test::Edge::end, test::Edge::begin })
                        check(kernel, 1, rows, blocks, digits, Fill::random, Inputs::random, edge);
            for (Fill codes : { Fill::random, Fill::zeros, Fill::ones })
                for (Inputs inputs : INPUTS) check(kernel, kernel.columns > 1 ? 2 : 1, 2, 5, digits, codes, inputs, test::Edge::end);
            for (size_t m = 2; m <= kernel.columns; m += test::small() && m > 2 ? 13 : 1)
                for (size_t blocks : { 1u, 17u }) check(kernel, m, 2, blocks, digits, Fill::random, Inputs::random, test::Edge::end);
        }
    }
}

/// Scales that codes do not serve, in one block of one row: that row is NaN, the others as ever. Those at the ends are served.
TEST_CASE("rows of codes: scales that are too wide") {
    const uint32_t singles[] = { 0x2b800000, 0xab800000, 0x5d800000, 0x80000000, 0, 0x2b7fffff, 0x5d800001, 0xdd800001, 1, 0x7f800000, 0xffc00000 };
    const uint32_t powers[]  = { 88, 188, 100, 87, 189, 0, 1, 255 };
    std::vector<size_t> met;                                    // formats: the library uses the first kernel of each
    for (const Kernel& kernel : test::kernels("dot_rows")) {
        const QuantType type = QuantType(kernel.kind);
        const bool      single = type == QuantType::Q8_K;
        if (!kernel.present || !(single || type == QuantType::MXFP4)) continue;
        const bool used = std::find(met.begin(), met.end(), kernel.kind) == met.end();
        met.push_back(kernel.kind);
        const size_t k = 768, rows = 2, n = kernel.rows * rows, bytes = gllm::row_bytes(type, k), all = single ? 11 : 8, served = single ? 5 : 3;
        for (size_t digits : { 1u, 3u })
            for (size_t i = 0; i < all; i++) {
                test::Rng rng(digits * 100 + i);
                test::Guarded<uint8_t> w(quant::make_rows(rng, type, n, k, Fill::random, true));
                const std::vector<float> x = draw_x(rng, k, Inputs::random);
                const size_t row = rng.below(n), block = rng.below(bytes / gllm::block_bytes(type)), at = row * bytes + block * gllm::block_bytes(type);
                if (single) std::memcpy(w.data() + at, &singles[i], 4);
                else        w[at] = uint8_t(powers[i]);
                std::vector<uint8_t> prepared(test::prepared_bytes(kernel, k, digits));
                test::prepare(kernel, x.data(), k, digits, prepared.data());
                std::vector<float> twin(n), y(n);
                test::twin_of_dots(kernel, w.data(), n, x.data(), k, prepared.data(), digits, twin.data());
                static Job job;
                job = { w.data(), bytes, rows * bytes, rows, k / 256, digits,
                        prepared.data(), y.data(), rows, nullptr, 1, prepared.size(), n, {} };
                const std::string convention = test::call(reinterpret_cast<void (*)(Job*)>(kernel.run), &job);
                INFO(test::text(kernel.name) << " scale " << i << " in row " << row << " block " << block << " digits " << digits);
                CHECK_MESSAGE(convention.empty(), convention);
                if (i >= served) {
                    CHECK(y[row] != y[row]);
                    y[row] = twin[row];
                }
                const std::string bits = test::differ(static_cast<const float*>(y.data()), twin.data(), n);
                CHECK_MESSAGE(bits.empty(), bits);

                if (!used) continue;
                gllm::CpuKernels<float> kernels;                // and the library's way around it
                std::vector<float> out(n);
                const gllm::Status s = kernels.matmul(type, w.data(), x.data(), out.data(), 1, n, k, digits == 1 ? Precision::fast : Precision::exact);
                CHECK_MESSAGE(s, test::text(s.what));
                const std::string product = test::differ(static_cast<const float*>(out.data()), twin.data(), n);
                CHECK_MESSAGE(product.empty(), product);
            }
    }
}

#endif
