// Products in AMX tiles, and of bf16 in pairs without them: the microkernels bit for bit against twins in plain loops, the packing and the loop nest bit for bit
// against the same twins, and against the oracle where tiles cannot serve: ranges that they would flush, huge values, NaN and
// infinities. Catches a wrong choice of path, one that a split into threads changes, reads beyond a matrix, and tile state that
// stays behind. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "calling.hpp"

#if defined(__x86_64__) && defined(__linux__)

#include <algorithm>

extern "C" {
using TileKernel = void(size_t steps, const uint16_t* a, const uint16_t* b, float* t, size_t accumulate, const void* ahead);
void gk_qgemm_amx_i8_32x32(size_t steps, const int8_t* a, const int8_t* b, int32_t* t, size_t accumulate, const void* ahead);
TileKernel gk_gemm_amx_bf16_32x32, gk_gemm_amx_bf16x3_32x32, gk_gemm_amx_bf16x3x1_32x32, gk_gemm_amx_bf16x1x3_32x32,
    gk_gemm_amx_bf16x2x1_32x32, gk_gemm_avx512bf16_32x32;
void       gk_gemm_amx_tiles(size_t on);
}

using namespace oracle;
using namespace test;
using gllm::Activation;
using gllm::CpuKernels;

namespace {

/// Is AMX here, in use, and granted? The kernels are called directly, so the test asks as the library does.
bool present() {
    static const bool granted = [] {
        if (!gllm::cpu_features().amx_bf16) return false;
        long result = 158;                                      // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
        __asm__ volatile("syscall" : "+a"(result) : "D"(0x1023L), "S"(18L) : "rcx", "r11", "memory");
        return result == 0;
    }();
    if (!granted) MESSAGE("skipped: AMX-BF16 is not in this CPU, or not granted");
    return granted;
}

/// Are there pairs of bf16 in vectors, where there are no tiles?
bool pairs_present() { return gllm::cpu_features().avx512_bf16; }

/// Does anything here serve products of E but fused multiply-adds?
template <class E> bool either_present() { return (std::is_same<E, gllm::bf16>::value && pairs_present()) || present(); }

/// Are tile configuration and tile data in their initial state? Through XGETBV(1), which says what is in use.
bool tiles_released() {
    uint32_t lo, hi;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(lo), "=d"(hi) : "c"(1));
    return (lo & (3u << 17)) == 0;
}

// ---- twins ------------------------------------------------------------------

float flushed(float x) { return std::fabs(x) < float(MIN_NORMAL) ? std::copysign(0.0f, x) : x; }
float bf16_value(uint16_t bits) { return flushed(bit_cast<float>(uint32_t(bits) << 16)); }

/// acc += the product of two tile rows of 16 pairs: chains over even and odd elements, their sum added.
float pairs_dot(const uint16_t* a, const uint16_t* b, size_t step_b, float acc) {
    float even = 0, odd = 0;
    for (size_t j = 0; j < 16; j++) {
        even = flushed(fused(bf16_value(a[2 * j]), bf16_value(b[j * step_b]), even));
        odd  = flushed(fused(bf16_value(a[2 * j + 1]), bf16_value(b[j * step_b + 1]), odd));
    }
    return flushed(acc + flushed(even + odd));
}

struct Kernel {
    const char* name;
    TileKernel* run;
    size_t      planes_a, planes_b, products;
    size_t      order[6][2];                                    // planes of A and B, in the order of the products
};
const Kernel BF16     = { "gk_gemm_amx_bf16_32x32",     gk_gemm_amx_bf16_32x32,     1, 1, 1, { { 0, 0 } } };
const Kernel PAIRS    = { "gk_gemm_avx512bf16_32x32",   gk_gemm_avx512bf16_32x32,   1, 1, 0, {} };
const Kernel BF16X3   = { "gk_gemm_amx_bf16x3_32x32",   gk_gemm_amx_bf16x3_32x32,   3, 3, 6, { { 0, 2 }, { 0, 1 }, { 1, 1 }, { 1, 0 }, { 0, 0 }, { 2, 0 } } };
const Kernel BF16X1X3 = { "gk_gemm_amx_bf16x1x3_32x32", gk_gemm_amx_bf16x1x3_32x32, 1, 3, 3, { { 0, 2 }, { 0, 1 }, { 0, 0 } } };
const Kernel BF16X2X1 = { "gk_gemm_amx_bf16x2x1_32x32", gk_gemm_amx_bf16x2x1_32x32, 2, 1, 2, { { 1, 0 }, { 0, 0 } } };
const Kernel BF16X3X1 = { "gk_gemm_amx_bf16x3x1_32x32", gk_gemm_amx_bf16x3x1_32x32, 3, 1, 3, { { 2, 0 }, { 1, 0 }, { 0, 0 } } };

/// t[32][32] += A B on panels: [step][plane][two tiles], rows of 32 elements in A's tiles, 16 pairs in B's.
void twin(const Kernel& kernel, size_t steps, const uint16_t* a, const uint16_t* b, float* t) {
    for (size_t i = 0; i < 32; i++)
        for (size_t j = 0; j < 32; j++) {
            float acc = t[i * 32 + j];
            for (size_t s = 0; s < steps && !kernel.products; s += 4) {     // pairs: a chain of four steps
                float chain = 0;
                for (size_t e = 0; e < 128 && s + e / 32 < steps; e++) {    // the odd one of a pair first
                    const size_t step = s + e / 32, p = (e % 32) ^ 1;
                    chain = flushed(fused(bf16_value(a[step * 1024 + i * 32 + p]),
                                          bf16_value(b[step * 1024 + j / 16 * 512 + p / 2 * 32 + j % 16 * 2 + p % 2]), chain));
                }
                acc += chain;
            }
            for (size_t s = 0; s < steps && kernel.products; s++)
                for (size_t p = 0; p < kernel.products; p++)
                    acc = pairs_dot(a + (s * kernel.planes_a + kernel.order[p][0]) * 1024 + i * 32,
                                    b + (s * kernel.planes_b + kernel.order[p][1]) * 1024 + j / 16 * 512 + j % 16 * 2, 32, acc);
            t[i * 32 + j] = acc;
        }
}

/// The top 8 bits of x by rounding to nearest, ties away from zero.
float rounded8(float x) { return bit_cast<float>((bit_cast<uint32_t>(x) + 0x8000) & 0xffff0000u); }

/// Element p of a row as plane `plane` of its split, 0 beyond k.
template <class E> uint16_t plane_of(const E* row, size_t stride, size_t p, size_t k, size_t plane) {
    if (p >= k) return 0;
    float x = float(value(row[p * stride])), top = rounded8(x);
    for (size_t i = 0; i < plane; i++) x -= top, top = rounded8(x);
    return uint16_t(bit_cast<uint32_t>(top) >> 16);
}

/// 32 rows (of A, or columns of B) as a panel: pair j of a step is k = j, 16 + j of split elements, 2 j, 2 j + 1 of bf16.
template <class E> std::vector<uint16_t> panel(const E* first, size_t between, size_t stride, size_t count, size_t k, bool is_b) {
    constexpr bool split = !std::is_same<E, gllm::bf16>::value;
    const size_t planes = split ? 3 : 1, steps = (k + 31) / 32;
    std::vector<uint16_t> out(steps * planes * 1024);
    for (size_t s = 0; s < steps; s++)
        for (size_t plane = 0; plane < planes; plane++)
            for (size_t r = 0; r < count; r++)
                for (size_t e = 0; e < 32; e++) {
                    const size_t p = s * 32 + (split ? e / 2 + e % 2 * 16 : e);
                    const size_t at = is_b ? r / 16 * 512 + e / 2 * 32 + r % 16 * 2 + e % 2 : r * 32 + e;
                    out[(s * planes + plane) * 1024 + at] = plane_of(first + r * between, stride, p, k, plane);
                }
    return out;
}

/// The whole product by the twins, for one block of k and an f32 result.
template <class E> std::vector<float> tiled(const E* a, const E* b, size_t m, size_t n, size_t k) {
    const Kernel& kernel = !std::is_same<E, gllm::bf16>::value ? BF16X3 : present() ? BF16 : PAIRS;
    std::vector<float> c(m * n), t(1024);
    for (size_t i = 0; i < m; i += 32)
        for (size_t j = 0; j < n; j += 32) {
            const size_t rows = std::min<size_t>(m - i, 32), cols = std::min<size_t>(n - j, 32);
            std::fill(t.begin(), t.end(), 0.0f);
            twin(kernel, (k + 31) / 32, panel(a + i * k, k, 1, rows, k, false).data(), panel(b + j, 1, n, cols, k, true).data(), t.data());
            for (size_t r = 0; r < rows; r++)
                for (size_t q = 0; q < cols; q++) c[(i + r) * n + j + q] = t[r * 32 + q];
        }
    return c;
}

// ---- products ---------------------------------------------------------------

template <class E> struct Operands {
    size_t     m, n, k;
    Guarded<E> a, b, bt, bias;
    template <class Make> Operands(size_t m_, size_t n_, size_t k_, Edge edge, Make make)
        : m(m_), n(n_), k(k_), a(m * k, edge), b(k * n, edge), bt(n * k, edge), bias(n, edge) {
        Rng rng(m * 1000003 + n * 1009 + k);
        for (size_t i = 0; i < m * k; i++) a[i] = round_to<E>(make(rng, true));
        for (size_t i = 0; i < k * n; i++) b[i] = round_to<E>(make(rng, false));
        for (size_t i = 0; i < n; i++) bias[i] = round_to<E>(rng.gaussian());
        transpose();
    }
    void transpose() {
        for (size_t p = 0; p < k; p++)
            for (size_t j = 0; j < n; j++) bt[j * k + p] = b[p * n + j];
    }
};
double gaussian(Rng& rng, bool) { return rng.gaussian(); }

/// Every form into fenced outputs, against the exact product.
template <class E> void check_forms(const Operands<E>& o, const std::string& what) {
    const CpuKernels<E> kernels;
    const size_t m = o.m, n = o.n, k = o.k;
    const Want plain = gemm(o.a.data(), o.b.data(), m, n, k), full = activated(plus_bias(plain, o.bias.data(), n), Activation::silu);
    std::vector<uint8_t> packed(kernels.packed_b_bytes(n, k));
    CHECK(kernels.pack_b(o.b.data(), n, k, packed.data()));
    const auto check = [&](const char* form, const Want& want, auto call) {
        INFO(text(form) << " " << text(Format<E>::name()) << " " << shape(m, n, k) << " " << what << ", seed " << seed());
        Fenced<E> c(m * n, k % 5);
        const gllm::Status status = call(c.data());
        CHECK_MESSAGE(status, text(status.what));
        const std::string wrong = compare(c.data(), want), broken = c.broken();
        CHECK_MESSAGE(wrong.empty(), wrong);
        CHECK_MESSAGE(broken.empty(), broken);
        CHECK(tiles_released());
    };
    check("gemm", plain, [&](E* c) { return kernels.gemm(o.a.data(), o.b.data(), c, m, n, k); });
    check("gemm_transposed_b", plain, [&](E* c) { return kernels.gemm_transposed_b(o.a.data(), o.bt.data(), c, m, n, k); });
    check("gemm_prepacked", plain, [&](E* c) { return kernels.gemm_prepacked(o.a.data(), packed.data(), c, m, n, k); });
    check("gemm_bias_act", full, [&](E* c) { return kernels.gemm_bias_act(o.a.data(), o.b.data(), o.bias.data(), c, m, n, k, Activation::silu); });
    CHECK(allocations() == 0);
    CHECK(overruns() == 0);
}

} // namespace

void check_kernel(const Kernel& kernel, size_t steps, size_t rows) {
    INFO(text(kernel.name) << " steps=" << steps << " rows=" << rows << ", seed " << seed());
    const bool tiles = kernel.products != 0;
    Rng rng(steps);
    const auto bits = [&](size_t planes) {
        std::vector<uint16_t> v(steps * planes * 1024);
        for (uint16_t& x : v) x = bits_of(round_to<gllm::bf16>(rng.below(8) ? rng.gaussian() : std::ldexp(rng.gaussian(), -130)));
        return v;
    };
    Guarded<uint16_t> a(bits(kernel.planes_a)), b(bits(kernel.planes_b));             // whole tiles: both ends lie at a page
    for (bool accumulate : { false, true }) {
        Fenced<float> t(1024);                                  // NaN, which must not be read
        std::vector<float> want(1024);
        if (accumulate) for (size_t i = 0; i < 1024; i++) t.data()[i] = want[i] = float(rng.gaussian());
        twin(kernel, steps, a.data(), b.data(), want.data());
        const void* const ahead[4] = { t.data(), nullptr, a.data(), reinterpret_cast<const void*>(rows) };
        if (tiles) gk_gemm_amx_tiles(1);
        const std::string convention = call(kernel.run, steps, a.data(), b.data(), t.data(), accumulate, ahead);
        if (tiles) gk_gemm_amx_tiles(0);
        CHECK_MESSAGE(convention.empty(), convention);
        const std::string wrong = differ(static_cast<const float*>(t.data()), want.data(), rows * 32), broken = t.broken();
        CHECK_MESSAGE(wrong.empty(), wrong);
        CHECK_MESSAGE(broken.empty(), broken);
    }
}

TEST_CASE("microkernels") {
    if (!present()) return;
    for (const Kernel& kernel : { BF16, BF16X3, BF16X3X1, BF16X1X3, BF16X2X1 })
        for (size_t steps : { 0u, 1u, 2u, 7u, 16u }) check_kernel(kernel, steps, 32);
}

TEST_CASE("the microkernel of pairs") {
    if (!pairs_present()) { MESSAGE("skipped: AVX512-BF16 is not in this CPU"); return; }
    for (size_t steps : { 0u, 1u, 2u, 3u, 7u, 8u, 16u })
        for (size_t rows : { 1u, 4u, 5u, 8u, 9u, 13u, 24u, 28u, 29u, 32u }) check_kernel(PAIRS, steps, rows);
}

TEST_CASE("int8 microkernel") {
    if (!present() || !gllm::cpu_features().amx_int8) return;
    for (size_t steps : { 0u, 1u, 2u, 7u, 16u })
        for (bool accumulate : { false, true })
            for (int kind = 0; kind < 3; kind++) {              // random bytes; the largest sums of either sign
                INFO("steps=" << steps << " accumulate=" << accumulate << " kind " << kind << ", seed " << seed());
                Rng rng(steps);
                const auto bytes = [&](int8_t extreme) {
                    std::vector<int8_t> v(steps * 2048);
                    for (int8_t& x : v) x = kind == 0 ? int8_t(rng.below(256)) : extreme;
                    return v;
                };
                const Guarded<int8_t> a(bytes(-128)), b(bytes(kind == 1 ? -128 : 127));
                Fenced<int32_t> t(1024);
                std::vector<int32_t> want(1024);
                if (accumulate) for (size_t i = 0; i < 1024; i++) t.data()[i] = want[i] = int32_t(rng.below(1000)) - 500;
                for (size_t i = 0; i < 32; i++)
                    for (size_t j = 0; j < 32; j++)
                        for (size_t k = 0; k < steps * 64; k++)
                            want[i * 32 + j] += a[k / 64 * 2048 + i * 64 + k % 64] * b[k / 64 * 2048 + j / 16 * 1024 + k % 64 / 4 * 64 + j % 16 * 4 + k % 4];
                const void* const ahead[4] = { t.data(), nullptr, a.data(), nullptr };
                gk_gemm_amx_tiles(1);
                const std::string convention = call(gk_qgemm_amx_i8_32x32, steps, a.data(), b.data(), t.data(), accumulate, ahead);
                gk_gemm_amx_tiles(0);
                CHECK_MESSAGE(convention.empty(), convention);
                CHECK(std::memcmp(t.data(), want.data(), 4096) == 0);
                CHECK_MESSAGE(t.broken().empty(), t.broken());
            }
}

TEST_CASE("tile state") {
    if (!present()) return;
    for (uint64_t on : { 1u, 0u }) {
        const std::string convention = call(gk_gemm_amx_tiles, size_t(on));
        CHECK_MESSAGE(convention.empty(), convention);
        CHECK(tiles_released() == (on == 0));
    }
}

TEST_CASE("three bf16 terms are an f32 exactly") {
    Rng rng(3);
    for (size_t i = 0; i < 200000; i++) {
        const float x = bit_cast<float>(uint32_t(rng.bits() & 0x80ffffff) | uint32_t(25 + rng.below(200)) << 23 | uint32_t(rng.below(2) ? 0x7fff : 0));
        double sum = 0;
        for (size_t plane = 0; plane < 3; plane++) sum += double(bf16_value(plane_of(&x, 1, 0, 1, plane)));
        if (sum != double(x)) { CHECK_MESSAGE(sum == double(x), bit_cast<uint32_t>(x)); break; }
    }
}

/// One block of k: the result is the twins', bit for bit, from every form of B. So tiles were used, and rightly fed.
TEST_CASE_TEMPLATE("packing and tails", E, ELEMENTS) {
    if (!either_present<E>()) return;
    for (size_t k : { 32u, 33u, 47u, 48u, 49u, 63u, 64u, 70u, 255u, 256u, 257u, 512u })
        for (Sizes s : { Sizes{ 48, 64 }, Sizes{ 49, 81 }, Sizes{ 95, 97 }, Sizes{ 513, 65 } }) {
            if (k > 100 && s[0] != 513 && s[0] != 49) continue;
            const bool is_f32 = std::is_same<E, float>::value, in_place = is_f32 && s[0] <= 512;   // small f32 products read B where it is
            const bool by_panels = is_f32 && k < (s[0] < 128 ? 96 : 64);                   // short ones read A where it is
            const Operands<E> o(s[0], s[1], k, k % 2 ? Edge::end : Edge::begin, gaussian);
            const CpuKernels<E> kernels;
            INFO(text(Format<E>::name()) << " " << shape(o.m, o.n, k));
            const std::vector<float> sums = tiled(o.a.data(), o.b.data(), o.m, o.n, k);
            std::vector<E> want(sums.size()), c(sums.size());
            for (size_t i = 0; i < sums.size(); i++) want[i] = round_to<E>(double(sums[i]));
            std::vector<uint8_t> packed(kernels.packed_b_bytes(o.n, k));
            const auto same_bits = [&](gllm::Status status) {
                CHECK(status);
                const std::string wrong = differ(c.data(), want.data(), c.size());
                CHECK_MESSAGE(wrong.empty(), wrong);
            };
            if (!in_place) same_bits(kernels.gemm(o.a.data(), o.b.data(), c.data(), o.m, o.n, k));
            same_bits(kernels.gemm_transposed_b(o.a.data(), o.bt.data(), c.data(), o.m, o.n, k));
            CHECK(kernels.pack_b(o.b.data(), o.n, k, packed.data()));
            if (!by_panels) same_bits(kernels.gemm_prepacked(o.a.data(), packed.data(), c.data(), o.m, o.n, k));
        }
}

TEST_CASE_TEMPLATE("within the bound", E, ELEMENTS) {
    if (!either_present<E>()) return;
    for (size_t k = 1; k <= 70; k += k < 30 ? 7 : 1) check_forms(Operands<E>(48 + k % 3, 64 + k % 5, k, Edge::end, gaussian), "gaussian");
    for (size_t k : { 512u, 513u, 1025u, 2049u, 4096u }) check_forms(Operands<E>(50, 70, k, Edge::end, gaussian), "gaussian");
    check_forms(Operands<E>(300, 530, 90, Edge::begin, gaussian), "more than a block of columns");
    check_forms(Operands<E>(2100, 65, 40, Edge::end, gaussian), "more than a block of rows");
    check_forms(Operands<E>(33, 2150, 40, Edge::end, gaussian), "more than a stripe of columns");
}

TEST_CASE_TEMPLATE("equal values", E, float, gllm::bf16) {
    if (!either_present<E>()) return;
    for (double x : { 1.0, 1.2345678, 1.9921875, 1.99999988 })
        for (size_t k : { 512u, 4096u, 20000u })
            check_forms(Operands<E>(48, 64, k, Edge::end, [&](Rng&, bool a) { return a ? x : x * 0.77; }), "equal " + std::to_string(x));
}

TEST_CASE_TEMPLATE("ranges", E, float, gllm::bf16) {
    if (!either_present<E>()) return;
    const auto decades = [](double lo, double hi) {
        return [=](Rng& rng, bool) { return (rng.bits() & 1 ? 1 : -1) * std::pow(10, rng.uniform(lo, hi)); };
    };
    for (size_t k : { 64u, 600u }) {
        const auto check = [&](const char* what, auto make) { check_forms(Operands<E>(70, 100, k, Edge::end, make), what); };
        check("1e-30 .. 1e30, products may exceed f32", decades(-30, 30));
        check("1e-18 .. 1e18", decades(-18, 18));
        check("all tiny", decades(-23, -18));
        check("at the edge of the tiles", decades(-16, -13));
        check("all huge", decades(15, 18.6));
        check("one side huge", [](Rng& rng, bool a) { return rng.gaussian() * (a ? 1e37 : 1e-37); });
        check("subnormal A", [](Rng& rng, bool a) { return a ? std::ldexp(rng.uniform(-1, 1), -126) : rng.gaussian() * 1e30; });
        check("subnormal B", [](Rng& rng, bool a) { return a ? rng.gaussian() * 1e30 : std::ldexp(rng.uniform(-1, 1), -126); });
        check("mostly zeros", [](Rng& rng, bool) { return rng.below(9) ? 0.0 : rng.gaussian(); });
        check("a tiny one here and there", [](Rng& rng, bool) { return rng.below(2000) ? rng.gaussian() : 1e-33; });
    }
}

TEST_CASE_TEMPLATE("NaN and infinities go where they belong", E, ELEMENTS) {
    if (!either_present<E>()) return;
    for (double bad : { QNAN, INF, -INF }) {
        Operands<E> o(100, 130, 600, Edge::end, gaussian);
        o.a[40 * o.k + 3] = o.a[99 * o.k + 599] = round_to<E>(bad);
        o.b[550 * o.n + 129] = round_to<E>(bad);
        o.transpose();
        check_forms(o, std::to_string(bad));
    }
    Operands<E> o(64, 64, 64, Edge::end, [](Rng&, bool) { return 0.0; });     // 0 times infinity
    o.a[5] = round_to<E>(INF);
    check_forms(o, "zeros and an infinity");
}

TEST_CASE_TEMPLATE("threads change no bit", E, ELEMENTS) {
    if (!either_present<E>()) return;
    const auto mixed = [](Rng& rng, bool) { return rng.below(5000) ? rng.gaussian() : 1e-33; };
    for (Sizes s : { Sizes{ 130, 330, 700 }, Sizes{ 330, 130, 300 }, Sizes{ 25, 200, 64 }, Sizes{ 70, 64, 2100 } }) {
        const Operands<E> o(s[0], s[1], s[2], Edge::end, mixed);
        std::vector<E> one(o.m * o.n), many(o.m * o.n);
        CpuKernels<E> kernels;
        CHECK(kernels.gemm(o.a.data(), o.b.data(), one.data(), o.m, o.n, o.k));
        for (unsigned width : { 2u, 3u, 7u }) {
            gllm::ThreadPool pool(width);
            kernels.parallel = pool.parallel();
            INFO(text(Format<E>::name()) << " " << shape(o.m, o.n, o.k) << " width=" << width);
            CHECK(kernels.gemm(o.a.data(), o.b.data(), many.data(), o.m, o.n, o.k));
            const std::string wrong = differ(many.data(), one.data(), one.size());
            CHECK_MESSAGE(wrong.empty(), wrong);
        }
    }
}

#endif
