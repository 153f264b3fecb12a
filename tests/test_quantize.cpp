// quantize: catches codes that are not the nearest, scales that a search should have found, formats that lose what they hold exactly,
// importance ignored, values that are no numbers let through, bits that depend on threads or instruction set, writes out of bounds.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quantize.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

using namespace test;
using gllm::Code;
using gllm::CpuKernels;
using gllm::QuantType;
using gllm::Status;
using quant::Bytes;
using quant::Format;
using quant::formats;
using Q = QuantType;

// ---- the formats of this file: all but the grids ------------------------------

static std::vector<const Format*> covered() {
    std::vector<const Format*> all;
    for (const Format& f : formats())
        if (!quant::is_iq(f.type)) all.push_back(&f);
    return all;
}
/// Formats whose blocks have no more than a scale, and an offset, of their own.
static std::vector<const Format*> simple() {
    std::vector<const Format*> all;
    for (const Format* f : covered())
        if (!quant::is_kquant(f->type) || f->type == Q::Q8_K) all.push_back(f);
    return all;
}

static Floats floats_of(Q type, const Bytes& blocks) { return quant::to_f32(decoded(type, blocks)); }

// ---- how good ---------------------------------------------------------------

/// Squared error over squares of Gaussian, Laplace and heavy-tailed rows, a few per cent above what is reached.
struct Bound { Q type; double error[3]; };
static const Bound BOUNDS[] = {
    { Q::Q2_K, { 0.06865, 0.08491, 0.09172 } },
    { Q::Q3_K, { 0.02098, 0.0289, 0.0359 } },
    { Q::Q4_K, { 0.004915, 0.006991, 0.009485 } },
    { Q::Q5_K, { 0.001215, 0.001715, 0.002338 } },
    { Q::Q6_K, { 0.0002864, 0.0004392, 0.0006768 } },
    { Q::Q8_K, { 4.876e-05, 0.0001032, 0.0002637 } },
    { Q::AWQ4, { 0.008794, 0.01519, 0.02672 } },
    { Q::GPTQ4, { 0.008794, 0.01519, 0.02672 } },
    { Q::SQUEEZE, { 0.02978, 0.04059, 0.04559 } },
    { Q::Q4_0, { 0.00674, 0.01069, 0.01716 } },
    { Q::Q4_1, { 0.00484, 0.006862, 0.009245 } },
    { Q::Q5_0, { 0.00165, 0.002708, 0.004577 } },
    { Q::Q5_1, { 0.001147, 0.00162, 0.002194 } },
    { Q::Q8_0, { 2.57e-05, 4.172e-05, 7.245e-05 } },
    { Q::Q1_0, { 0.368, 0.5126, 0.6823 } },
    { Q::Q2_0, { 0.126, 0.1656, 0.199 } },
    { Q::TQ1_0, { 0.1927, 0.2697, 0.3808 } },
    { Q::TQ2_0, { 0.1927, 0.2697, 0.3808 } },
    { Q::MXFP4, { 0.0127, 0.01559, 0.02044 } },
    { Q::NVFP4, { 0.008117, 0.007676, 0.01069 } },
};

TEST_CASE("errors are no larger than they were") {
    for (const Bound& b : BOUNDS) check_errors(b.type, b.error, small() ? 8 : 48, 1.2, 0.7);
    CHECK(std::size(BOUNDS) == covered().size());
}

TEST_CASE("importance pays") {
    for (const Format* f : covered()) {
        INFO(f->name);
        CHECK(left_by_importance(f->type) < (f->type == Q::Q1_0 || f->type == Q::MXFP4 ? 1.0 : 0.99));
    }
}

TEST_CASE("importance of any span gives blocks that are finite") {
    for (const Format* f : covered()) {
        Rng rng(uint64_t(f->type) + 30);
        const size_t k = 256;
        INFO(f->name);
        size_t insane = 0;
        for (size_t turn = 0; turn < (small() ? 20u : 400u); turn++) {
            const double span = rng.uniform(0, 38), size = rng.uniform(-32, 38);
            Floats x(k), w(k);
            for (float& v : x) v = rng.below(4) ? float(rng.uniform(-1, 1) * std::pow(10, turn % 2 ? 0 : size)) : 0;
            for (float& v : w) v = rng.below(4) ? float(std::pow(10, rng.uniform(0, span) - (turn % 3 ? 0 : 20))) : 0;
            const Bytes blocks = quantize(f->type, x, k, w.data());
            insane += !gllm::validate_blocks(f->type, blocks.data(), blocks.size());
        }
        CHECK(insane == 0);
    }
}
TEST_CASE("importance: ones, powers of two, zeros") {
    const size_t k = 768;
    for (const Format* f : covered()) {
        Rng rng(uint64_t(f->type) + 20);
        const Floats x = draw_row(rng, 3 * k, LAPLACE);
        INFO(f->name);
        const Bytes plain = quantize(f->type, x, k);
        CHECK(quantize(f->type, x, k, Floats(k, 1.0f).data()) == plain);
        CHECK(quantize(f->type, x, k, Floats(k, std::ldexp(1.0f, 90)).data()) == plain);
        CHECK(quantize(f->type, x, k, Floats(k, 0.0f).data()) == plain);
        Floats w = draw_importance(rng, k), scaled = w, half = w;
        for (float& v : scaled) v = std::ldexp(v, -100);
        CHECK(quantize(f->type, x, k, scaled.data()) == quantize(f->type, x, k, w.data()));
        for (size_t i = 0; i < k; i++) half[i] = i % 3 ? w[i] : 0;                              // what does not count may go wrong
        const Floats y = floats_of(f->type, quantize(f->type, x, k, half.data()));
        CHECK(squares(x, y, half.data(), k) < 0.9 * squares(x, Floats(x.size()), half.data(), k));
    }
}

// ---- the least error there is -------------------------------------------------

/// The least weighted squared error of a block whose weights are d times one of these levels, d any f16 in reach.
static double least_of_levels(const float* x, const float* w, size_t n, const std::vector<double>& levels,
                              const std::vector<double>& scales) {
    double least = oracle::INF;
    for (double d : scales) {
        double sum = 0;
        for (size_t i = 0; i < n && sum < least; i++) {
            double best = oracle::INF;
            for (double level : levels) best = std::min(best, std::fabs(double(x[i]) - d * level));
            sum += double(w[i]) * best * best;
        }
        least = std::min(least, sum);
    }
    return least;
}
static std::vector<double> halves_within(double lo, double hi, bool both) {
    std::vector<double> all;
    for (uint16_t h = 1; h < 0x7c00; h++) {
        const double d = quant::f16(&h);
        if (d >= lo && d <= hi) { all.push_back(d); if (both) all.push_back(-d); }
    }
    return all;
}
static std::vector<double> range(int lo, int hi) { std::vector<double> all; for (int q = lo; q <= hi; q++) all.push_back(q); return all; }

struct Exhaustive { Q type; int lo, hi; double block, all; };     // ours over the best: of any one block, of all blocks

TEST_CASE("importance: a constant is kept beside what does not count") {
    for (Q type : { Q::Q4_1, Q::Q5_1, Q::Q2_K, Q::Q4_K, Q::Q5_K }) {
        INFO(quant::format(type).name);
        Floats x(256, 0.25f), w(256, 1.0f);
        for (size_t i = 5; i < x.size(); i += 7) x[i] = i % 2 ? 3.0f : -2.0f, w[i] = 0;
        CHECK(squares(x, decoded(type, quantize(type, x, x.size(), w.data())), w.data(), x.size()) <
              1e-3 * squares(x, w.data(), x.size()));
    }
}

TEST_CASE("one scale: next to the best of all") {
    const Exhaustive cases[] = {
        { Q::Q4_0, -8, 7, 1.25, 1.03 }, { Q::Q5_0, -16, 15, 1.35, 1.06 }, { Q::Q2_0, -1, 2, 1.1, 1.02 },
        { Q::TQ2_0, -1, 1, 1.01, 1.002 }, { Q::TQ1_0, -1, 1, 1.01, 1.002 }, { Q::Q1_0, 0, 0, 1.001, 1.0002 },
    };
    for (const Exhaustive& c : cases)
        for (bool weigh : { false, true }) {
            double ours = 0, theirs = 0, worst = 0;
            for (size_t t = 0; t < (small() ? 2u : 12u); t++) {
                Rng rng(t + 100 * uint64_t(c.type));
                const size_t n = gllm::block_size(c.type);
                const Floats x = draw_row(rng, n, Shape(t % 3)), w = weigh ? draw_importance(rng, n) : Floats(n, 1.0f);
                double top = 0;
                for (float v : x) top = std::max(top, std::fabs(double(v)));
                const std::vector<double> levels = c.hi ? range(c.lo, c.hi) : std::vector<double>{ -1, 1 };
                const double reach = top / std::max({ std::min(c.hi, -c.lo), 1 });
                const double error = squares(x, floats_of(c.type, quantize(c.type, x, n, weigh ? w.data() : nullptr)), w.data(), n);
                const double best = least_of_levels(x.data(), w.data(), n, levels, halves_within(reach * 0.03, reach * 1.3, c.lo != -c.hi));
                CHECK(error >= best * 0.999999);
                ours += error, theirs += best, worst = std::max(worst, error / best);
            }
            INFO(quant::format(c.type).name << (weigh ? " weighted" : ""));
            CHECK_MESSAGE(worst < c.block * (weigh ? 1.6 : 1), worst);
            CHECK_MESSAGE(ours < theirs * c.all * (weigh ? 1.08 : 1), (ours / theirs));
        }
}

TEST_CASE("4-bit floats: the best scale there is") {
    std::vector<double> levels;
    for (unsigned q = 0; q < 16; q++) levels.push_back(quant::level_e2m1(q));
    std::vector<double> powers, ue4m3;
    for (int e = 0; e < 253; e++) powers.push_back(std::ldexp(1.0, e - 128));
    for (int e = 0; e < 127; e++) ue4m3.push_back(e < 8 ? std::ldexp(e, -10) : std::ldexp(8 + e % 8, e / 8 - 11));
    for (bool weigh : { false, true })
        for (size_t t = 0; t < (small() ? 3u : 60u); t++) {
            Rng rng(t + 300);
            const double scale = std::pow(10, rng.uniform(-4, 2.5));
            const Floats x = draw_row(rng, 32, Shape(t % 3), scale), w = weigh ? draw_importance(rng, 64) : Floats(64, 1.0f);
            const double error = squares(x, floats_of(Q::MXFP4, quantize(Q::MXFP4, x, 32, w.data())), w.data(), 32);
            const double best  = least_of_levels(x.data(), w.data(), 32, levels, powers);
            CHECK_MESSAGE(error <= best * (weigh ? 1.2 : 1.00001), "MXFP4 " << (error / best));
            const Floats y = draw_row(rng, 64, Shape(t % 3), scale);
            const Floats z = floats_of(Q::NVFP4, quantize(Q::NVFP4, y, 64, w.data()));
            for (size_t j = 0; j < 64; j += 16) {
                const double sub = squares(Floats(&y[j], &y[j] + 16), Floats(&z[j], &z[j] + 16), &w[j], 16);
                const double least = least_of_levels(&y[j], &w[j], 16, levels, ue4m3);
                CHECK_MESSAGE(sub <= least * (weigh ? 1.6 : 1.1) + 1e-30, "NVFP4 " << (sub / least));
            }
        }
}

/// The least error of lines d q + m, q in 0 .. hi: codes by many lines, each made the best for its codes.
static double least_of_lines(const float* x, const float* w, size_t n, int hi) {
    const double lo = double(*std::min_element(x, x + n)), range = double(*std::max_element(x, x + n)) - lo;
    double least = oracle::INF;
    for (int a = 0; a < 60; a++)
        for (int b = -30; b <= 30; b++) {
            double d = range / hi * (0.6 + 0.5 * a / 60), m = lo + b * 0.012 * range;
            for (int turn = 0; turn < 3; turn++) {
                double s1 = 0, sq = 0, sx = 0, qq = 0, xq = 0, xx = 0;
                for (size_t i = 0; i < n; i++) {
                    const double q = std::min(double(hi), std::max(0.0, std::nearbyint((double(x[i]) - m) / d))), v = double(w[i]);
                    s1 += v, sq += v * q, sx += v * double(x[i]), qq += v * q * q;
                    xq += v * q * double(x[i]), xx += v * double(x[i]) * double(x[i]);
                }
                const double det = s1 * qq - sq * sq;
                if (det <= 0) break;
                d = (s1 * xq - sq * sx) / det, m = (sx - d * sq) / s1;
                least = std::min(least, xx - d * xq - m * sx);
            }
        }
    return least;
}

TEST_CASE("a scale and an offset: next to the best") {
    struct Case { Q type; int hi; double all; };
    const Case cases[] = { { Q::Q4_1, 15, 1.15 }, { Q::Q5_1, 31, 1.2 }, { Q::AWQ4, 15, 1.1 }, { Q::GPTQ4, 15, 1.1 } };
    for (const Case& c : cases)
        for (bool weigh : { false, true }) {
            double ours = 0, theirs = 0;
            for (size_t t = 0; t < (small() ? 1u : 6u); t++) {
                Rng rng(t + 500);
                const size_t n = gllm::block_size(c.type);
                Floats x = draw_row(rng, n, Shape(t % 3), 1), w = weigh ? draw_importance(rng, n) : Floats(n, 1.0f);
                for (float& v : x) v += t % 2 ? 1.5f : 0.0f;
                ours += squares(x, floats_of(c.type, quantize(c.type, x, n, weigh ? w.data() : nullptr)), w.data(), n);
                theirs += least_of_lines(x.data(), w.data(), n, c.hi);
            }
            INFO(quant::format(c.type).name << (weigh ? " weighted" : ""));
            CHECK_MESSAGE(ours < theirs * c.all * (weigh ? 1.25 : 1), (ours / theirs));
        }
}

/// The least error of eight means, by all ways to cut the sorted values.
static double least_of_means(const Floats& x, const Floats& w) {
    const size_t n = x.size();
    std::vector<size_t> order(n);
    for (size_t i = 0; i < n; i++) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return x[a] < x[b]; });
    std::vector<double> s(n + 1), sx(n + 1), xx(n + 1), cost(n + 1, oracle::INF);
    for (size_t i = 0; i < n; i++) {
        const double v = double(x[order[i]]), u = double(w[order[i]]);
        s[i + 1] = s[i] + u, sx[i + 1] = sx[i] + u * v, xx[i + 1] = xx[i] + u * v * v;
    }
    cost[0] = 0;
    for (int c = 0; c < 8; c++) {
        std::vector<double> next(n + 1, oracle::INF);
        for (size_t b = 1; b <= n; b++)
            for (size_t a = 0; a < b; a++) {
                const double m = sx[b] - sx[a];
                next[b] = std::min(next[b], cost[a] + (xx[b] - xx[a]) - m * m / (s[b] - s[a]));
            }
        next[0] = 0;
        cost = next;
    }
    return cost[n];
}

TEST_CASE("SQUEEZE: next to the best eight levels") {
    double ours = 0, theirs = 0;
    for (size_t t = 0; t < (small() ? 1u : 6u); t++) {
        Rng rng(t + 700);
        const Floats x = draw_row(rng, 256, Shape(t % 3)), w = t < 3 ? Floats(256, 1.0f) : draw_importance(rng, 256);
        const double error = squares(x, floats_of(Q::SQUEEZE, quantize(Q::SQUEEZE, x, 256, w.data())), w.data(), 256);
        const double best = least_of_means(x, w);
        CHECK(error > best * 0.9999);
        ours += error / best, theirs += 1;
    }
    CHECK_MESSAGE(ours < theirs * 1.0001, (ours / theirs));
}

// ---- exactly ----------------------------------------------------------------

static void check_exact_values(const Format& f, const std::string& what, const Floats& x) {
    const Floats y = floats_of(f.type, quantize(f.type, x, x.size()));
    INFO(f.name << ": " << what);
    size_t wrong = 0;
    for (size_t i = 0; i < x.size(); i++) wrong += x[i] != y[i];
    CHECK_MESSAGE(wrong == 0, wrong << " values changed");
}

TEST_CASE("zeros") {
    for (const Format* f : covered()) {
        check_exact_values(*f, "+0", Floats(2 * f->weights, 0.0f));
        check_exact_values(*f, "-0", Floats(2 * f->weights, -0.0f));
    }
}

TEST_CASE("constants") {
    for (const Format* f : covered())
        for (float c : { 1.0f, -1.0f, 0.375f, -6.0f, 192.0f, 0.0078125f })
            check_exact_values(*f, std::to_string(c), Floats(2 * f->weights, c));
    for (const Format* f : simple())                            // the smallest that the scales hold
        for (float sign : { 1.0f, -1.0f })
            check_exact_values(*f, "least", Floats(f->weights, sign * std::ldexp(1.0f, f->type == Q::Q8_K || f->type == Q::SQUEEZE ? -149 :
                f->type == Q::MXFP4 ? -128 : f->type == Q::NVFP4 ? -10 : -24)));
}

TEST_CASE("constant groups, beside zeros and of both signs") {
    for (Q type : { Q::Q2_K, Q::Q4_K, Q::Q5_K })
        for (int least : { 0, -3 }) {
            INFO(quant::format(type).name << ", constants from " << least);
            Floats x(256);
            for (size_t i = 0; i < x.size(); i++) x[i] = float(int(i / 32) + least);
            CHECK(squares(x, decoded(type, quantize(type, x, x.size()))) < 1e-3 * squares(x));
        }
}

TEST_CASE("what a block holds is found again") {                // any block's weights, of every scale down to the subnormal ones
    for (const Format* f : simple()) {
        Rng rng(uint64_t(f->type) + 800);
        const bool line = f->type == Q::TQ2_0 ||
            f->type == Q::Q4_1 || f->type == Q::Q5_1 || f->type == Q::AWQ4 || f->type == Q::GPTQ4 || f->type == Q::Q8_K;
        if (line) continue;                                     // code 3 of TQ2_0; weights that f32 rounds may be those of no other block
        const Bytes blocks = quant::make_rows(rng, f->type, 1, (small() ? 20 : 300) * f->weights, quant::Fill::random, true);
        check_exact_values(*f, "random blocks", floats_of(f->type, blocks));
    }
}

TEST_CASE("quantised once is quantised for good") {
    for (const Format* f : simple())
        for (double scale : { 1.0, 0.02, 3e-5, 1e-7, 3e3, 1e6 })
            for (Shape shape : { GAUSS, HEAVY })
                for (float offset : { 0.0f, 1.0f }) {
                    Rng rng(uint64_t(f->type) + 900);
                    Floats x = draw_row(rng, (small() ? 4 : 24) * 256, shape, scale);
                    for (float& v : x) v += offset * float(scale) * 20;
                    check_exact_values(*f, "scale " + std::to_string(scale) + " offset " + std::to_string(offset),
                                       floats_of(f->type, quantize(f->type, x, 256)));
                }
}

// ---- odd data ---------------------------------------------------------------

TEST_CASE("huge, tiny and lonely values") {
    for (const Format* f : covered()) {
        INFO(f->name);
        std::vector<Floats> rows;
        for (Data data : FINITE) {
            Rng rng(uint64_t(f->type) + 1000 + uint64_t(data));
            rows.push_back(draw<float>(rng, 8 * f->weights, data));
        }
        for (float v : { 3.4028234663852886e38f, -3.4028234663852886e38f, 6.5e6f, 65504.0f, 1e-45f, -1.17549435e-38f }) {
            rows.push_back(Floats(f->weights, v));
            rows.push_back(Floats(f->weights, 0.0f));
            rows.back()[f->weights / 3] = v;                    // one outlier
            rows.push_back(rows.back());
            rows.back()[f->weights / 2] = v / -5;               // and one of the other sign
            Rng rng(1);
            rows.push_back(draw_row(rng, f->weights, GAUSS));
            rows.back()[5] = v;
        }
        for (const Floats& x : rows) {
            const Bytes blocks = quantize(f->type, x, x.size());
            CHECK(gllm::validate_blocks(f->type, blocks.data(), blocks.size()));
            double worse = 0;                                   // never worse than zeros, but for values beyond the scales
            const Floats y = floats_of(f->type, blocks);
            for (size_t i = 0; i < x.size(); i += f->weights)
                worse = std::max(worse, squares(Floats(&x[i], &x[i] + f->weights), Floats(&y[i], &y[i] + f->weights))
                                        / std::max(1e-300, squares(Floats(&x[i], &x[i] + f->weights))));
            CHECK_MESSAGE(worse <= 1.0001, worse);
        }
    }
}

TEST_CASE("an outlier is kept") {
    for (const Format* f : covered()) {
        Floats x(f->weights, 0.0f);
        x[f->weights / 2] = -0.75f;
        if (f->type == Q::Q1_0 || f->type == Q::Q2_K || f->type == Q::Q4_K || f->type == Q::Q5_K) continue;    // have no zero beside it
        check_exact_values(*f, "alone among zeros", x);
    }
}

// ---- refusals ---------------------------------------------------------------

TEST_CASE("refusals") {
    for (const Format* f : covered()) {
        INFO(f->name);
        const size_t k = 2 * f->weights, rows = 3, bytes = rows * 2 * f->bytes;
        const CpuKernels<float> kernels;
        Rng rng(4);
        const Floats good = draw_row(rng, rows * k, GAUSS), ones(k, 1.0f);
        const auto refused = [&](const char* what, const float* x, const float* importance, size_t length = 0) {
            check_refused<uint8_t>(what, bytes, Code::invalid_argument, [&](uint8_t* out) {
                return kernels.quantize(f->type, x, rows, length ? length : k, importance, out);
            });
        };
        const float inf = std::numeric_limits<float>::infinity();
        for (float bad : { std::numeric_limits<float>::quiet_NaN(), inf, -inf })
            for (size_t at : { size_t(0), size_t(1), k - 1, k + 7, rows * k - 1 }) {
                Floats x = good;
                x[at] = bad;
                refused("a value that is no number", x.data(), nullptr);
                CHECK(gllm::first_not_finite(x.data(), x.size()) == at);
                Floats w = ones;
                w[at % k] = bad;
                refused("an importance that is no number", good.data(), w.data());
            }
        CHECK(gllm::first_not_finite(good.data(), good.size()) == good.size());
        Floats negative = ones;
        negative[k / 2] = -1;
        refused("a negative importance", good.data(), negative.data());
        refused("no input", nullptr, nullptr);
        refused("k is no whole number of blocks", good.data(), nullptr, k - 1);
        CHECK(kernels.quantize(f->type, good.data(), rows, k, nullptr, nullptr).code == Code::invalid_argument);
        CHECK(kernels.quantize(f->type, good.data(), SIZE_MAX / 8, k, nullptr, negative.data()).code == Code::invalid_argument);
        CHECK(kernels.quantize(f->type, nullptr, 0, k, nullptr, nullptr));
        CHECK(kernels.quantize(f->type, nullptr, 5, 0, nullptr, nullptr));
        Floats inside = good;
        CHECK(kernels.quantize(f->type, inside.data(), rows, k, nullptr, inside.data() + 1).code == Code::invalid_argument);
        CHECK(kernels.quantize(f->type, good.data(), rows, k, inside.data(), inside.data()).code == Code::invalid_argument);
        CHECK(inside == good);
    }
    check_refused<uint8_t>("no type", 64, Code::invalid_argument, [&](uint8_t* out) {
        return CpuKernels<float>().quantize(QuantType(gllm::quant_type_count), Floats(256).data(), 1, 256, nullptr, out);
    });
}

// ---- the same bits, nothing outside -------------------------------------------

static void run_backwards(void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    for (unsigned i = tasks; i-- > 0;) task(arg, i);
}

/// quantize into fenced and into guarded memory, at two alignments, gives these blocks.
template <class E> static void check_kernels(CpuKernels<E> k, const Format& f, const float* x, size_t rows, size_t n, const float* w,
                                             const Bytes& want) {
    for (size_t offset : { 0, 1, 3 }) {
        Fenced<uint8_t> out(want.size(), offset);
        CHECK(k.quantize(f.type, x, rows, n, w, out.data()));
        CHECK(std::memcmp(out.data(), want.data(), want.size()) == 0);
        const std::string broken = out.broken();
        CHECK_MESSAGE(broken.empty(), broken);
    }
    for (Edge edge : { Edge::end, Edge::begin }) {
        Guarded<uint8_t> out(want.size(), edge);
        CHECK(k.quantize(f.type, x, rows, n, w, out.data()));
        CHECK(std::memcmp(out.data(), want.data(), want.size()) == 0);
    }
}

TEST_CASE_TEMPLATE("any instruction set, element, split and place", E, ELEMENTS) {
    for (const Format* f : covered()) {
        Rng rng(uint64_t(f->type) + 1100);
        for (size_t turn = 0; turn < (small() ? 2u : 4u); turn++) {
            const size_t k = f->weights * (1 + rng.below(5)), rows = 1 + rng.below(turn == 3 ? 40 : 9);
            const Floats x = draw_row(rng, rows * k, Shape(turn % 3)), w = draw_importance(rng, k);
            const Guarded<float> guarded(x, turn % 2 ? Edge::end : Edge::begin), weights(w, turn % 2 ? Edge::end : Edge::begin);
            const float* const importance = turn % 2 ? weights.data() : nullptr;
            const Bytes want = quantize(f->type, x, k, importance);
            INFO(f->name << " " << rows << " x " << k);
            for_each_isa<E>([&](CpuKernels<E> kernels, const char* isa) {
                INFO(text(isa));
                if (turn) { kernels.parallel.width = unsigned(turn) * 2; kernels.parallel.run = run_backwards; }
                check_kernels(kernels, *f, guarded.data(), rows, k, importance, want);
            });
        }
    }
}

TEST_CASE("threads") {
    gllm::ThreadPool pool(3);
    CpuKernels<float> kernels;
    kernels.parallel = pool.parallel();
    for (const Format* f : covered()) {
        Rng rng(uint64_t(f->type) + 1200);
        const size_t k = 1024, rows = 17;
        const Floats x = draw_row(rng, rows * k, LAPLACE);
        const Bytes want = quantize(f->type, x, k);
        INFO(f->name);
        check_kernels(kernels, *f, x.data(), rows, k, nullptr, want);
        Floats bad = x;
        bad.back() = oracle::round_to<float>(oracle::INF);
        check_refused<uint8_t>("the last value infinite", want.size(), Code::invalid_argument, [&](uint8_t* out) {
            return kernels.quantize(f->type, bad.data(), rows, k, nullptr, out);
        });
    }
}

// ---- a fixed sum --------------------------------------------------------------

/// FNV-1a of the blocks of numbers that need no library and no seed: the same on every machine and compiler.
static uint64_t sum_of(Q type) {
    uint64_t state = 1, sum = 0xcbf29ce484222325u;
    const auto next = [&] {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return int(state >> 48) - 32768;
    };
    for (int step = 0; step < 3; step++) {
        const size_t k = 512, rows = 8;
        Floats x(rows * k), w(k);
        for (float& v : x) {
            const int a = next(), b = next(), c = next();
            v = step == 2 ? float(double(a) * b * c) * 3e-16f : float(a + b + c) * 7.1e-7f;
        }
        for (float& v : w) v = float(next() + 32768) * 1e-3f;
        const Bytes blocks = quantize(type, x, k, step == 1 ? w.data() : nullptr);
        for (uint8_t b : blocks) sum = (sum ^ b) * 0x100000001b3u;
    }
    return sum;
}
struct Sum { Q type; uint64_t sum; };
static const Sum SUMS[] = {
    { Q::Q2_K, 0xdac8b28822189fb0 },
    { Q::Q3_K, 0x09e86f35bb7f90f6 },
    { Q::Q4_K, 0x591b8cfd3facb161 },
    { Q::Q5_K, 0xfdd42a1e63ea80bb },
    { Q::Q6_K, 0xfa25cfdd5c6c6bee },
    { Q::Q8_K, 0xc8058578dc348877 },
    { Q::AWQ4, 0x153d43c09de3e859 },
    { Q::GPTQ4, 0x153d43c09de3e859 },
    { Q::SQUEEZE, 0x2d5e2dc6bff7083b },
    { Q::Q4_0, 0x62448302ab4ae26f },
    { Q::Q4_1, 0x0c8f3f5706f3bc4a },
    { Q::Q5_0, 0x284f8d60fe1a1da2 },
    { Q::Q5_1, 0xea84fee47dd9c9cc },
    { Q::Q8_0, 0x96a0cd651453ff7e },
    { Q::Q1_0, 0x77ecc52bf957727c },
    { Q::Q2_0, 0xe7c97e4f5ee6c715 },
    { Q::TQ1_0, 0x6c63882933758140 },
    { Q::TQ2_0, 0xcac21bf9b25ada5c },
    { Q::MXFP4, 0xa955a45701b687dc },
    { Q::NVFP4, 0x56795e23e511ce3f },
};

TEST_CASE("the bits of every machine") {
    for (const Sum& s : SUMS) {
        const uint64_t sum = sum_of(s.type);
        char line[64];
        std::snprintf(line, sizeof line, "{ Q::%s, 0x%016llx },", quant::format(s.type).name.c_str(), static_cast<unsigned long long>(sum));
        CHECK_MESSAGE(sum == s.sum, line);
    }
    CHECK(std::size(SUMS) == covered().size());
}
