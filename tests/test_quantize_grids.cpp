// quantize to IQ formats: catches rows of the grid that are not the nearest, signs that break their parity, scales that a search should have
// found, importance ignored, scales that overflow, bits that depend on threads, compiler or machine. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quantize.hpp"

#include <limits>

using namespace test;
using gllm::Code;
using gllm::CpuKernels;
using quant::Bytes;
using quant::Format;
using Q = gllm::QuantType;

static const std::vector<Q> TYPES = [] {
    std::vector<Q> all;
    for (const Format& f : quant::formats()) if (quant::is_iq(f.type)) all.push_back(f.type);
    return all;
}();

// ---- how good ---------------------------------------------------------------

/// Squared error over squares of Gaussian, Laplace and heavy-tailed rows, a few per cent above what is reached; and what importance
/// leaves of the weighted error.
struct Bound { Q type; double error[3], weighted; };
static const Bound BOUNDS[] = {
    { Q::IQ1_S, { 0.207, 0.25, 0.3 }, 0.9 },
    { Q::IQ1_M, { 0.184, 0.206, 0.218 }, 0.9 },
    { Q::IQ2_XXS, { 0.112, 0.131, 0.189 }, 0.9 },
    { Q::IQ2_XS, { 0.0853, 0.0973, 0.134 }, 0.9 },
    { Q::IQ2_S, { 0.0598, 0.0817, 0.125 }, 0.9 },
    { Q::IQ3_XXS, { 0.0327, 0.0365, 0.0476 }, 0.9 },
    { Q::IQ3_S, { 0.0174, 0.0221, 0.0313 }, 0.9 },
    { Q::IQ4_NL, { 0.0056, 0.00745, 0.0104 }, 0.9 },
    { Q::IQ4_XS, { 0.00564, 0.00752, 0.0105 }, 0.9 },
};

TEST_CASE("errors are no larger than they were") {
    for (const Bound& b : BOUNDS) check_errors(b.type, b.error, small() ? 6 : 48, 1.15, 0.8);
    CHECK(std::size(BOUNDS) == TYPES.size());
}

TEST_CASE("importance pays") {
    for (const Bound& b : BOUNDS) {
        INFO(quant::format(b.type).name);
        CHECK(left_by_importance(b.type) < b.weighted);
    }
}

TEST_CASE("importance: ones, powers of two, zeros") {
    const size_t k = 768;
    for (Q type : TYPES) {
        Rng rng(uint64_t(type) + 20);
        const Floats x = draw_row(rng, 2 * k, LAPLACE);
        INFO(quant::format(type).name);
        const Bytes plain = quantize(type, x, k);
        for (float w : { 1.0f, std::ldexp(1.0f, 90), 0.0f }) CHECK(quantize(type, x, k, Floats(k, w).data()) == plain);
        Floats w = draw_importance(rng, k), scaled = w, some = w;
        for (float& v : scaled) v = std::ldexp(v, -100);
        CHECK(quantize(type, x, k, scaled.data()) == quantize(type, x, k, w.data()));
        for (size_t i = 0; i < k; i++) some[i] = i % 3 ? w[i] : 0;
        const double error = squares(x, decoded(type, quantize(type, x, k, some.data())), some.data(), k);
        CHECK(error < squares(x, decoded(type, plain), some.data(), k));
    }
}

// ---- the best row of the grid -------------------------------------------------

struct GridOf { Q type; const quant::Grid& (*grid)(); unsigned rows; int dims; bool even, is_signed; };
static const GridOf GRIDS[] = {
    { Q::IQ1_S, quant::grid_iq1, 2048, 8, false, true },       { Q::IQ1_M, quant::grid_iq1, 2048, 8, false, true },
    { Q::IQ2_XXS, quant::grid_iq2_xxs, 256, 8, true, false },  { Q::IQ2_XS, quant::grid_iq2_xs, 512, 8, true, false },
    { Q::IQ2_S, quant::grid_iq2_s, 1024, 8, false, false },    { Q::IQ3_XXS, quant::grid_iq3_xxs, 256, 4, true, false },
    { Q::IQ3_S, quant::grid_iq3_s, 512, 4, false, false },
};

/// The least weighted error of 8 weights at a scale and shift: all rows, and all signs, or those even in number.
static double least_of_rows(const GridOf& g, const float* x, const float* w, double scale, double shift) {
    double least[2] = { 0, oracle::INF };                       // with an even number of minus signs, and an odd one
    if (!g.even && !g.is_signed) least[1] = 0;
    for (int from = 0; from < 8; from += g.dims) {
        double best[2] = { oracle::INF, oracle::INF };
        for (unsigned r = 0; r < g.rows; r++) {
            double sum = 0, turn = oracle::INF;                 // turn: what one more sign, or one fewer, costs
            bool   odd = false;
            for (int j = 0; j < g.dims; j++) {
                const double v = scale * (g.grid()(r, j) + shift), at = double(x[from + j]), u = double(w[from + j]);
                const double plus = u * (at - v) * (at - v), minus = u * (at + v) * (at + v);
                if (g.is_signed) { sum += plus; continue; }
                sum += std::min(plus, minus);
                odd ^= minus < plus;
                turn = std::min(turn, std::fabs(plus - minus));
            }
            best[odd] = std::min(best[odd], sum);
            best[!odd] = std::min(best[!odd], sum + turn);
        }
        const double even = least[0], odd = least[1];
        if (!g.even) { least[0] = even + std::min(best[0], g.is_signed ? oracle::INF : best[1]); continue; }
        least[0] = std::min(even + best[0], odd + best[1]);
        least[1] = std::min(even + best[1], odd + best[0]);
    }
    return least[0];
}
/// The scale and shift of the 8 weights at i, from their fields.
static void scale_of(const GridOf& g, const uint8_t* block, int i, double* scale, double* shift) {
    const uint8_t* b = block;
    *shift = 0;
    const auto odd = [](unsigned s) { return 2.0 * s + 1; };
    switch (g.type) {
        case Q::IQ1_S: {
            const unsigned h = quant::u16(b + 34 + 2 * (i / 32));
            *scale = quant::f16(b) * odd(quant::bits(h, 12, 3)), *shift = h >> 15 ? -0.125 : 0.125;
            break;
        }
        case Q::IQ1_M: {
            unsigned d = 0;
            for (int n = 0; n < 4; n++) d |= quant::bits(quant::u16(b + 48 + 2 * n), 12, 4) << 4 * n;
            const uint16_t half = uint16_t(d);
            *scale = quant::f16(&half) * odd(quant::bits(quant::u16(b + 48 + 2 * (i / 64)), 3 * (i / 16 % 4), 3));
            *shift = quant::bits(b[32 + i / 16], i / 8 % 2 * 4 + 3, 1) ? -0.125 : 0.125;
            break;
        }
        case Q::IQ2_XXS: *scale = quant::f16(b) * odd(b[2 + 8 * (i / 32) + 7] >> 4) / 8; break;
        case Q::IQ3_XXS: *scale = quant::f16(b) * odd(b[66 + 4 * (i / 32) + 3] >> 4) / 4; break;
        case Q::IQ2_XS:  *scale = quant::f16(b) * odd(quant::bits(b[66 + i / 32], i / 16 % 2 * 4, 4)) / 8; break;
        case Q::IQ2_S:   *scale = quant::f16(b) * odd(quant::bits(b[74 + i / 32], i / 16 % 2 * 4, 4)) / 8; break;
        default:         *scale = quant::f16(b) * odd(quant::bits(b[106 + i / 64], i / 32 % 2 * 4, 4)); break;
    }
}

TEST_CASE("rows are the best for their scale") {
    for (const GridOf& g : GRIDS)
        for (bool weigh : { false, true })
            for (Shape shape : { GAUSS, LAPLACE, HEAVY }) {
                Rng rng(uint64_t(g.type) * 8 + uint64_t(shape) + 200);
                const size_t n = small() ? 256 : 512;
                const Floats x = draw_row(rng, n, shape), w = weigh ? draw_importance(rng, n) : Floats(n, 1.0f);
                const Bytes  blocks = quantize(g.type, x, n, weigh ? w.data() : nullptr);
                const std::vector<double> y = decoded(g.type, blocks);
                for (size_t i = 0; i < n; i += 8) {
                    double scale, shift, ours = 0;
                    scale_of(g, blocks.data() + i / 256 * gllm::block_bytes(g.type), int(i % 256), &scale, &shift);
                    for (size_t j = i; j < i + 8; j++) ours += double(w[j]) * (double(x[j]) - y[j]) * (double(x[j]) - y[j]);
                    const double least = least_of_rows(g, &x[i], &w[i], scale, shift);
                    CHECK_MESSAGE(ours <= least * 1.0001, quant::format(g.type).name << " at " << i << ": " << (ours / least));
                    CHECK_MESSAGE(ours >= least * 0.9999, quant::format(g.type).name << " at " << i << ": the oracle is wrong");
                }
            }
}

/// The least error of 32 values at levels times any scale.
static double least_of_levels(const float* x, const float* w) {
    double top = 0, least = oracle::INF;
    for (int i = 0; i < 32; i++) top = std::max(top, std::fabs(double(x[i])));
    for (int t = -600; t <= 600; t++) {
        if (t == 0) continue;
        double d = top / 60 * t / 600;
        for (int turn = 0; turn < 2; turn++) {
            double xq = 0, qq = 0, error = 0;
            for (int i = 0; i < 32; i++) {
                const double at = double(x[i]), u = double(w[i]);
                double q = quant::level_iq4(0);
                for (unsigned c = 1; c < 16; c++)
                    if (std::fabs(at - d * quant::level_iq4(c)) < std::fabs(at - d * q)) q = quant::level_iq4(c);
                xq += u * at * q, qq += u * q * q, error += u * (at - d * q) * (at - d * q);
            }
            least = std::min(least, error);
            d = xq / qq;
        }
    }
    return least;
}
TEST_CASE("IQ4: next to the best scale") {
    for (bool weigh : { false, true }) {
        double ours = 0, theirs = 0;
        for (size_t t = 0; t < (small() ? 2u : 9u); t++) {
            Rng rng(t + 400);
            const Floats x = draw_row(rng, 32, Shape(t % 3), 1), w = weigh ? draw_importance(rng, 32) : Floats(32, 1.0f);
            ours += squares(x, decoded(Q::IQ4_NL, quantize(Q::IQ4_NL, x, 32, w.data())), w.data(), 32);
            theirs += least_of_levels(x.data(), w.data());
        }
        CHECK_MESSAGE(ours < theirs * 1.1, (ours / theirs));
    }
}

// ---- extremes ---------------------------------------------------------------

TEST_CASE("zeros") {
    for (Q type : TYPES)
        for (float zero : { 0.0f, -0.0f })
            for (double y : decoded(type, quantize(type, Floats(512, zero), 512))) CHECK(y == 0);
}

TEST_CASE("zeros, but for one value or one part") {
    for (Q type : TYPES)
        for (size_t n : { 1, 8, 16, 100 }) {
            Rng rng(n);
            Floats x(512);
            for (size_t i = 0; i < n; i++) x[37 + i] = float(rng.gaussian());
            const double error = squares(x, decoded(type, quantize(type, x, 512))) / squares(x);
            CHECK_MESSAGE(error < 0.55, quant::format(type).name << " " << n << ": " << error);
        }
}

TEST_CASE("constants, outliers, subnormals, the largest floats") {
    for (Q type : TYPES) {
        INFO(quant::format(type).name);
        for (float c : { 1.0f, -1.0f, 0.013f, -700.0f }) {
            const Floats x(512, c);
            const double error = squares(x, decoded(type, quantize(type, x, 512))) / squares(x);
            const bool   signs = type != Q::IQ1_S && type != Q::IQ1_M && type != Q::IQ4_NL && type != Q::IQ4_XS;
            CHECK_MESSAGE(error <= (signs ? c == 0.013f ? 0x1p-22 : 0 : 1e-6), c << ": " << error);
        }
        Floats groups(512);
        for (size_t i = 0; i < 512; i++) groups[i] = 1 + 0.1f * float(i / 32 % 8);
        const double each = squares(groups, decoded(type, quantize(type, groups, 512))) / squares(groups);
        CHECK_MESSAGE(each < 0.002, each);
        if (type == Q::IQ2_S || type == Q::IQ3_S) {             // the others have signs in pairs
            Floats two(512, 0.5f);
            for (size_t i = 0; i < 512; i += 7) two[i] = -0.5f;
            CHECK(squares(two, decoded(type, quantize(type, two, 512))) == 0);
        }
        Rng rng(uint64_t(type) + 600);
        Floats x = draw_row(rng, 512, GAUSS, 1);
        x[77] = 1000;
        const double outlier = squares(x, decoded(type, quantize(type, x, 512))) / squares(x);
        CHECK_MESSAGE(outlier < 0.55, outlier);
        for (double scale : { 1e-44, 1e-39, 1e-30, 1e-12, 1e-8, 1e-6, 1e6, 1e12, 1e30, 5e37 }) {
            Floats z = draw_row(rng, 512, GAUSS, scale);
            if (scale < 1e-37 && !keeps_subnormals) continue;
            const double error = squares(z, decoded(type, quantize(type, z, 512))), whole = squares(z);
            CHECK_MESSAGE(error <= whole * 1.0001, scale << ": " << (error / whole));
            if (scale == 1e6 && type != Q::IQ1_S && type != Q::IQ1_M) CHECK_MESSAGE(error < whole * 0.4, scale << ": " << (error / whole));
        }
        const float top = std::numeric_limits<float>::max();
        quantize(type, Floats(512, top), 512);
        quantize(type, Floats(512, -top), 512, Floats(512, top).data());
        Floats mixed(512);
        for (size_t i = 0; i < 512; i++) mixed[i] = i % 3 ? std::ldexp(1.0f, int(i % 250) - 126) : -top;
        quantize(type, mixed, 512);
    }
}

TEST_CASE("what a block holds is found again, or nearly") {
    for (Q type : TYPES) {
        Rng rng(uint64_t(type) + 700);
        const Format& f = quant::format(type);
        const size_t n = small() ? 1024 : 8192;
        const Floats x = quant::to_f32(quant::decode(type, quant::make_rows(rng, type, 1, n, quant::Fill::random, true).data(), n));
        double sum = 0, blocks = 0, exact = 0;
        const std::vector<double> y = decoded(type, quantize(type, x, n));
        for (size_t i = 0; i < n; i += f.weights) {
            const Floats a(&x[i], &x[i] + f.weights);
            const double error = squares(a, std::vector<double>(y.begin() + long(i), y.begin() + long(i + f.weights))) / squares(a);
            sum += error, blocks++, exact += error == 0;
        }
        const bool one_bit = type == Q::IQ1_S || type == Q::IQ1_M, levels = type == Q::IQ4_NL || type == Q::IQ4_XS;
        CHECK_MESSAGE(sum < blocks * (levels ? 1e-12 : one_bit ? 0.06 : 0.001), f.name << ": mean error " << sum / blocks);
        CHECK_MESSAGE(exact >= blocks * (levels ? 1 : one_bit ? 0.25 : 0.4), f.name << ": exact " << exact / blocks);
    }
}

// ---- the same bits everywhere -------------------------------------------------

/// Values without a function of libm: sums of uniform ones.
static Floats plain_row(Rng& rng, size_t n) {
    Floats x(n);
    for (float& f : x) {
        double sum = 0;
        for (int i = 0; i < 4; i++) sum += double(rng.bits() >> 40) / 16777216 - 0.5;
        f = float(sum * double(1 + rng.below(4)) * 0.0625);
    }
    return x;
}
struct Sum { Q type; uint64_t plain, weighted; };
static const Sum SUMS[] = {
    { Q::IQ1_S, 0xc42bb22ddb32381c, 0x663619baa1441dab },
    { Q::IQ1_M, 0x4f003f8303d20b18, 0xcfab9d47d5f4b5c0 },
    { Q::IQ2_XXS, 0x8aeb496f58fe495a, 0xc03a79649b76daab },
    { Q::IQ2_XS, 0xd74fbbccddbe317e, 0x3267c52ae8d07dad },
    { Q::IQ2_S, 0x9b3944ff3ee90c48, 0x9e1c614f7545f0b6 },
    { Q::IQ3_XXS, 0x6ed63ee37ab5ab36, 0xfa1f139dc2e95dd4 },
    { Q::IQ3_S, 0xa8d4d80a07498750, 0x8d224ccd56ccc2d9 },
    { Q::IQ4_NL, 0x433c184127b3b2be, 0x08541ffa35066356 },
    { Q::IQ4_XS, 0xee467073c654acc7, 0x7aabe689f40ad3eb },
};
static uint64_t checksum(const Bytes& bytes) {
    uint64_t sum = 0xcbf29ce484222325ull;
    for (uint8_t b : bytes) sum = (sum ^ b) * 0x100000001b3ull;
    return sum;
}

TEST_CASE("the bits of every compiler and machine") {
    if (std::getenv("GLLM_KERNELS_SEED")) return;
    const size_t k = 512;
    for (const Sum& s : SUMS) {
        Rng rng(uint64_t(s.type) + 800);
        const Floats x = plain_row(rng, 8 * k);
        Floats w(k);
        for (float& v : w) v = float(1 + rng.below(1000)) / 128;
        INFO(quant::format(s.type).name);
        CHECK(checksum(quantize(s.type, x, k)) == s.plain);
        CHECK(checksum(quantize(s.type, x, k, w.data())) == s.weighted);
    }
}

TEST_CASE("the same bits for any number of threads and instruction set") {
    for (Q type : TYPES) {
        Rng rng(uint64_t(type) + 900);
        const size_t k = 768, rows = 5;
        const Floats x = draw_row(rng, rows * k, LAPLACE), w = draw_importance(rng, k);
        const Bytes  want = quantize(type, x, k, w.data());
        for_each_isa<float>([&](CpuKernels<float> kernels, const char* isa) {
            for (unsigned width : { 1u, 2u, 3u, 7u }) {
                gllm::Parallel backwards;
                backwards.width = width;
                backwards.run = [](void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) { while (tasks) task(arg, --tasks); };
                kernels.parallel = backwards;
                Bytes got(want.size());
                CHECK(kernels.quantize(type, x.data(), rows, k, w.data(), got.data()));
                CHECK_MESSAGE(got == want, quant::format(type).name << " " << isa << " " << width);
            }
        });
    }
}
