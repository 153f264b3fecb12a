// The assembly kernels, each called as the library calls it, through a trampoline that checks the calling convention:
// bit for bit against fused multiply-adds in the promised order, and against a double oracle. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "calling.hpp"
#include "kernels.hpp"

#if defined(__x86_64__) || defined(__aarch64__)

extern "C" {
extern const int GLLM_KERNELS_ASM_is_defined_but_the_objects_of_asm_are_not_linked_v1;
void misbehave(uint64_t how);
}

namespace {

/// Where a tile goes, as kernels read it.
struct TileOfC {
    float*      c;
    size_t      ldc, accumulate;
    const char* row;
    size_t      stride, rows;                                   // to prefetch
};
using GemmTile = void(size_t k, const float* a, const float* b, const TileOfC* tile);
struct Tile { const char* name; GemmTile* run; bool present; size_t rows, columns; };

void check_tile(const Tile& tile, size_t k, size_t ldc, size_t offset, bool accumulate) {
    const size_t rows = tile.rows, columns = tile.columns, size = (rows - 1) * ldc + columns;
    INFO(test::text(tile.name) << " k=" << k << " ldc=" << ldc << " offset=" << offset << " accumulate=" << accumulate
         << ", seed " << test::seed());
    test::Rng rng(k * 64 + ldc);
    const test::Guarded<float> a(test::draw<float>(rng, k * rows)), b(test::draw<float>(rng, k * columns));
    const std::vector<float> before = test::draw<float>(rng, size);
    test::Fenced<float> c(size, offset);
    if (accumulate) std::memcpy(c.data(), before.data(), size * sizeof(float));        // else NaN, which must not be read

    std::vector<float> want(c.data(), c.data() + size);
    oracle::Want truth;
    std::vector<float> got;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            float  sum = 0;
            double exact = 0, magnitude = 0;
            for (size_t l = 0; l < k; l++) {
                const double term = double(a[l * rows + i]) * double(b[l * columns + j]);
                sum = test::fused(a[l * rows + i], b[l * columns + j], sum);
                exact += term;
                magnitude += std::fabs(term);
            }
            float& cell = want[i * ldc + j];
            const double start = accumulate ? double(cell) : 0;
            cell = accumulate ? cell + sum : sum;
            truth.add(start + exact, double(k + 1) * std::ldexp(1, -24) * (magnitude + std::fabs(start)));
        }
    }

    const TileOfC to = { c.data(), ldc, accumulate, reinterpret_cast<const char*>(b.data()), 64, k / 16 };
    const std::string convention = test::call(tile.run, k, a.data(), b.data(), &to);
    CHECK_MESSAGE(convention.empty(), convention);
    for (size_t i = 0; i < rows; i++) got.insert(got.end(), c.data() + i * ldc, c.data() + i * ldc + columns);
    const std::string wrong = test::compare(got.data(), truth), broken = c.broken();
    const std::string bits = test::differ(static_cast<const float*>(c.data()), want.data(), size);    // gaps of C included
    CHECK_MESSAGE(wrong.empty(), wrong);
    CHECK_MESSAGE(bits.empty(), bits);
    CHECK_MESSAGE(broken.empty(), broken);
}

} // namespace

TEST_CASE("checked_call reports each breach of the calling convention, and only that") {
    const bool upper = test::upper_halves();
    if (!upper) MESSAGE("not checked: upper halves of vector registers, which this CPU does not tell");
    const auto function = reinterpret_cast<void (*)()>(misbehave);
    uint64_t arguments[6] = { 63, 0, 0, 0, 0, 0 };
    CHECK(checked_call(function, arguments, upper) == 0);
    for (const test::Rule& rule : test::RULES) {
        if (rule.bit == test::UPPER_HALVES && !upper) continue;
        INFO(rule.what);
        arguments[0] = rule.bit;
        CHECK(checked_call(function, arguments, upper) == uint64_t(1) << rule.bit);
    }
}

TEST_CASE("sentinel") { CHECK(GLLM_KERNELS_ASM_is_defined_but_the_objects_of_asm_are_not_linked_v1 == 1); }

TEST_CASE("gemm tiles") {
    for (const test::Kernel& kernel : test::kernels("gemm_tiles")) {
        const Tile tile = { kernel.name, reinterpret_cast<GemmTile*>(kernel.run), kernel.present, kernel.rows, kernel.columns };
        if (!tile.present) { MESSAGE("skipped: " << test::text(tile.name) << ", not for this CPU"); continue; }
        for (size_t k : { 0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 13u, 14u, 15u, 17u, 18u, 63u, 256u, 257u })
            for (size_t gap : { 0u, 1u, 37u })
                for (bool accumulate : { false, true })
                    check_tile(tile, k, tile.columns + gap, gap % 3, accumulate);
    }
}

#endif
