// The int8 microkernels, each called as the library calls it: bit for bit against exact integer sums and fused multiply-adds in
// the promised order, and against a double oracle. Catches saturation, a sign lost at -128, reads beyond a panel, reads or writes
// beyond the tile, and broken calling conventions. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "calling.hpp"
#include "kernels.hpp"

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

using QGemmTile = void(size_t groups, size_t digits, const void* a, const void* b, float* t);

struct Tile {
    const char* name;
    QGemmTile*  run;
    bool        present;
    size_t      rows, columns, depth;                           // depth: how many consecutive k lie together in the panels
    bool        biased;                                         // panels hold w + 128, and -128 times the sum of x
};

enum class Kind { random, lowest, highest, opposite, alternating, unscaled, wide, fixed_point };
const Kind KINDS[] = { Kind::random, Kind::lowest, Kind::highest, Kind::opposite, Kind::alternating, Kind::unscaled, Kind::wide,
                       Kind::fixed_point };

/// What a tile multiplies: w[groups * 32][columns], x[groups * digits * 32][rows], scale[groups * digits][rows].
struct Operands {
    std::vector<int8_t> w, x;
    std::vector<float>  scale;

    Operands(const Tile& tile, size_t groups, size_t digits, Kind kind) {
        test::Rng rng(groups * 64 + digits * 16 + size_t(kind));
        for (size_t i = 0; i < groups * 32 * tile.columns; i++) {
            const int random = int(rng.below(256)) - 128;
            w.push_back(int8_t(kind == Kind::lowest || kind == Kind::opposite ? -128 : kind == Kind::highest ? 127
                             : kind == Kind::alternating ? (i % 3 ? -128 : 127) : random));
        }
        for (size_t i = 0; i < groups * digits * 32 * tile.rows; i++) {
            const int random = int(rng.below(255)) - 127;
            x.push_back(int8_t(kind == Kind::lowest || kind == Kind::highest ? 127 : kind == Kind::opposite ? -127
                             : kind == Kind::alternating ? (i % 5 & 1 ? -127 : 127) : random));
        }
        for (size_t g = 0; g < groups; g++) {
            const std::vector<float> first = test::draw<float>(rng, tile.rows);
            for (size_t p = 0; p < digits; p++)
                for (size_t r = 0; r < tile.rows; r++) {
                    const double power = rng.uniform(-45, 30);  // of ten: subnormals and zeros too
                    scale.push_back(kind == Kind::unscaled ? (r % 2 ? 0.0f : -0.0f)
                                  : kind == Kind::wide ? float(double(first[r]) * std::pow(10, power))
                                  : std::ldexp(first[r], kind == Kind::fixed_point ? -8 * int(p) : 0));
                }
        }
    }
};

void append(std::vector<unsigned char>& bytes, const void* data, size_t size) {
    const auto* p = static_cast<const unsigned char*>(data);
    bytes.insert(bytes.end(), p, p + size);
}

/// The panel of A.
std::vector<unsigned char> pack_a(const Tile& tile, const Operands& in) {
    std::vector<unsigned char> panel;
    for (size_t unit = 0; unit < in.scale.size() / tile.rows; unit++) {
        const int8_t* x = in.x.data() + unit * 32 * tile.rows;
        for (size_t r = 0; r < tile.rows && tile.biased; r++) {
            int32_t start = 0;
            for (size_t i = 0; i < 32; i++) start -= 128 * x[i * tile.rows + r];
            append(panel, &start, 4);
        }
        append(panel, in.scale.data() + unit * tile.rows, 4 * tile.rows);
        for (size_t i = 0; i < 32; i += tile.depth)
            for (size_t r = 0; r < tile.rows; r++)
                for (size_t d = 0; d < tile.depth; d++) append(panel, &x[(i + d) * tile.rows + r], 1);
    }
    return panel;
}

/// The panel of B.
std::vector<unsigned char> pack_b(const Tile& tile, const Operands& in) {
    std::vector<unsigned char> panel;
    for (size_t i = 0; i < in.w.size() / tile.columns; i += tile.depth)
        for (size_t c = 0; c < tile.columns; c++)
            for (size_t d = 0; d < tile.depth; d++)
                panel.push_back(static_cast<unsigned char>(in.w[(i + d) * tile.columns + c] + (tile.biased ? 128 : 0)));
    return panel;
}

void check_tile(const Tile& tile, size_t groups, size_t digits, Kind kind, test::Edge edge, size_t offset) {
    INFO(test::text(tile.name) << " groups=" << groups << " digits=" << digits << " kind " << int(kind) << " offset=" << offset
         << (edge == test::Edge::end ? " at the end" : " at the beginning") << " of a page, seed " << test::seed());
    const size_t rows = tile.rows, columns = tile.columns;
    const Operands in(tile, groups, digits, kind);
    std::vector<float> want;
    oracle::Want truth;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            float  sum = 0;
            double exact = 0, magnitude = 0;
            for (size_t unit = 0; unit < groups * digits; unit++) {
                int32_t dot = 0;
                for (size_t i = 0; i < 32; i++)
                    dot += in.w[(unit / digits * 32 + i) * columns + c] * in.x[(unit * 32 + i) * rows + r];
                const float scale = in.scale[unit * rows + r];
                sum = test::fused(float(dot), scale, sum);
                exact += double(dot) * double(scale);
                magnitude += std::fabs(double(dot) * double(scale));
            }
            want.push_back(sum);
            truth.add(exact, double(groups * digits) * (std::ldexp(1, -24) * magnitude + oracle::MIN_SUBNORMAL));
        }
    }

    const test::Guarded<unsigned char> a(pack_a(tile, in), edge), b(pack_b(tile, in), edge);
    test::Fenced<float> t(rows * columns, offset);              // NaN, which must not be read
    const std::string convention = test::call(tile.run, groups, digits, a.data(), b.data(), t.data());
    const std::string bits = test::differ(static_cast<const float*>(t.data()), want.data(), want.size());
    const std::string wrong = test::compare(static_cast<const float*>(t.data()), truth), broken = t.broken();
    CHECK_MESSAGE(convention.empty(), convention);
    CHECK_MESSAGE(bits.empty(), bits);
    CHECK_MESSAGE(wrong.empty(), wrong);
    CHECK_MESSAGE(broken.empty(), broken);
}

// ---- panels of codes ------------------------------------------------------------

using CodesTile = void(size_t groups, size_t digits, size_t rows, const void* x, const void* codes, float* t);

/// rows up to those of the tile; kernel.kind of k share a scale.
void check_codes_tile(const test::Kernel& kernel, size_t rows, size_t groups, size_t digits, Kind kind, test::Edge edge, size_t offset) {
    INFO(test::text(kernel.name) << " rows=" << rows << " groups=" << groups << " digits=" << digits << " kind " << int(kind) << " offset="
         << offset << (edge == test::Edge::end ? " at the end" : " at the beginning") << " of a page, seed " << test::seed());
    const size_t columns = kernel.columns, depth = kernel.kind, k = groups * depth, room = (k / 32 + 1) * 32;
    const bool   biased  = std::strstr(kernel.name, "neon") == nullptr;         // x + 128, and what makes up for it
    const size_t deep    = std::strstr(kernel.name, "i8mm") ? 8 : 4;            // consecutive k that lie together
    const int    halved  = std::strstr(kernel.name, "avx2") ? 2 : 1;            // codes of at most 64: two products fit 16 bits
    const Tile   as_tile = { kernel.name, nullptr, true, rows, columns, 4, false };
    const Operands in(as_tile, room / 32, digits, kind);        // w[room][columns], x[digits][room][rows]
    const auto w = [&](size_t p, size_t c) { return int(in.w[p * columns + c]) / halved; };
    const auto x = [&](size_t i, size_t p, size_t r) { return int(in.x[(i * room + p) * rows + r]); };
    test::Rng rng(rows * 1000 + groups);
    std::vector<float> s, d;
    for (size_t i = 0; i < groups * columns; i++) s.push_back(std::ldexp(float(rng.uniform(-1, 1)), kind == Kind::wide ? int(rng.below(60)) - 40 : 0));
    for (size_t i = 0; i < groups * rows; i++) d.push_back(std::ldexp(float(rng.uniform(0, 1)), kind == Kind::wide ? int(rng.below(60)) - 40 : 0));

    std::vector<unsigned char> of_x, of_w;
    for (size_t i = 0; i < digits; i++)
        for (size_t p = 0; p < k; p += deep)
            for (size_t r = 0; r < rows; r++)
                for (size_t b = 0; b < deep; b++) of_x.push_back(static_cast<unsigned char>(x(i, p + b, r) + (biased ? 128 : 0)));
    append(of_x, d.data(), d.size() * sizeof(float));
    for (size_t p = 0; p < k; p += deep)
        for (size_t c = 0; c < columns; c++)
            for (size_t b = 0; b < deep; b++) of_w.push_back(static_cast<unsigned char>(w(p + b, c)));
    for (size_t g = 0; g < groups; g++) {
        for (size_t c = 0; biased && c < columns; c++) {
            int32_t start = 0;
            for (size_t p = g * depth; p < (g + 1) * depth; p++) start -= 128 * w(p, c);
            append(of_w, &start, sizeof start);
        }
        append(of_w, s.data() + g * columns, columns * sizeof(float));
    }

    std::vector<float> want;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            float sum = 0;
            for (size_t g = 0; g < groups; g++) {
                float f = 0;
                for (size_t i = 0; i < digits; i++) {
                    int32_t n = 0;
                    for (size_t p = g * depth; p < (g + 1) * depth; p++) n += w(p, c) * x(i, p, r);
                    f = i == 0 ? float(n) : test::fused(f, 256, float(n));
                }
                sum = test::fused(f * s[g * columns + c], d[g * rows + r], sum);
            }
            want.push_back(sum);
        }

    const test::Guarded<unsigned char> a(of_x, edge), b(of_w, edge);
    test::Fenced<float> t(2 * rows * columns, offset);          // the second half is the kernel's own
    const std::string convention = test::call(reinterpret_cast<CodesTile*>(kernel.run), groups, digits, rows, a.data(), b.data(), t.data());
    const std::string bits = test::differ(static_cast<const float*>(t.data()), want.data(), want.size());
    const std::string broken = t.broken();
    CHECK_MESSAGE(convention.empty(), convention);
    CHECK_MESSAGE(bits.empty(), bits);
    CHECK_MESSAGE(broken.empty(), broken);
}

} // namespace

TEST_CASE("tiles of codes") {
    for (const test::Kernel& kernel : test::kernels("codes_tiles")) {
        if (!kernel.present) { MESSAGE("skipped: " << test::text(kernel.name) << ", not for this CPU"); continue; }
        size_t turn = 0;
        for (size_t rows = 1; rows <= kernel.rows; rows++)
            for (size_t groups : { 0u, 1u, 2u, 3u, 16u, 32u })
                for (size_t digits : { 1u, 2u, 3u })
                    for (Kind kind : { Kind::random, Kind::lowest, Kind::highest, Kind::opposite, Kind::alternating, Kind::wide })
                        check_codes_tile(kernel, rows, groups, digits, kind, turn % 2 ? test::Edge::begin : test::Edge::end, turn % 16), turn++;
    }
}

TEST_CASE("int8 gemm tiles") {
    for (const test::Kernel& kernel : test::kernels("digit_tiles")) {
        const bool biased = std::strstr(kernel.name, "vnni") != nullptr;
        const Tile tile = { kernel.name, reinterpret_cast<QGemmTile*>(kernel.run), kernel.present, kernel.rows, kernel.columns, kernel.kind, biased };
        if (!tile.present) { MESSAGE("skipped: " << test::text(tile.name) << ", not for this CPU"); continue; }
        size_t turn = 0;
        for (size_t groups : { 0u, 1u, 2u, 3u, 7u, 32u })
            for (size_t digits : { 0u, 1u, 2u, 3u })
                for (Kind kind : KINDS)
                    for (test::Edge edge : { test::Edge::end, test::Edge::begin })
                        check_tile(tile, groups, digits, kind, edge, turn++ % 16);
    }
}

#endif
