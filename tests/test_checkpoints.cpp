// AWQ, GPTQ and SqueezeLLM tensors: catches nibbles in the wrong order, zeros that are off by one or wrap, groups cut in the wrong
// place, permutations that are lost, packed blocks that mean another matrix, and reads beyond a tensor. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quant_oracle.hpp"

using namespace test;
using gllm::CpuKernels;
using gllm::GptqZeros;
using gllm::QuantType;
using gllm::Status;
using oracle::round_to;
using quant::Bytes;
using quant::put;

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << std::string(s.what)); }

/// What the zero points hold: any of 0 .. 15, or one value throughout.
enum class Zeros { random, all0, all15 };

/// A 4-bit tensor as its makers think of it: codes [k][n], zeros and scales [groups][n], and the group of each input.
struct Tensor {
    size_t n, k, group, groups;
    std::vector<unsigned> codes, zeros;
    std::vector<uint16_t> scales;
    std::vector<int32_t>  g_idx;                                // empty: i / group

    Tensor(Rng& rng, size_t n_, size_t k_, size_t group_, Zeros kind = Zeros::random)
        : n(n_), k(k_), group(group_), groups(k_ / group_ + (k_ % group_ != 0)) {
        for (size_t i = 0; i < k * n; i++) codes.push_back(unsigned(rng.below(16)));
        for (size_t i = 0; i < groups * n; i++) {
            zeros.push_back(kind == Zeros::random ? unsigned(rng.below(16)) : kind == Zeros::all0 ? 0 : 15);
            scales.push_back(quant::draw_half(rng, true));
        }
    }
    size_t group_of(size_t i) const { return g_idx.empty() ? i / group : size_t(g_idx[i]); }

    /// W[o][i] = (q - z) s, with `plus` added to each zero point.
    std::vector<double> weights(unsigned plus = 0) const {
        std::vector<double> w(n * k);
        for (size_t o = 0; o < n; o++)
            for (size_t i = 0; i < k; i++) {
                const size_t at = group_of(i) * n + o;
                w[o * k + i] = (double(codes[i * n + o]) - double(zeros[at] + plus)) * oracle::value(gllm::f16{ scales[at] });
            }
        return w;
    }
};

/// The words of a file, each of the three tensors in its own memory: `offset` bytes behind the start of a page, or against the next.
struct File {
    Guarded<uint8_t> qweight_, qzeros_, scales_;
    size_t offset;
    File(const Bytes& qweight, const Bytes& qzeros, const Bytes& scales, size_t offset_ = 0)
        : qweight_(qweight.size() + offset_, edge(offset_)), qzeros_(qzeros.size() + offset_, edge(offset_)),
          scales_(scales.size() + offset_, edge(offset_)), offset(offset_) {
        std::copy(qweight.begin(), qweight.end(), qweight_.data() + offset);
        std::copy(qzeros.begin(), qzeros.end(), qzeros_.data() + offset);
        std::copy(scales.begin(), scales.end(), scales_.data() + offset);
    }
    const void* qweight() const { return qweight_.data() + offset; }
    const void* qzeros() const  { return qzeros_.data() + offset; }
    const void* scales() const  { return scales_.data() + offset; }
    static Edge edge(size_t offset) { return offset ? Edge::begin : Edge::end; }
};

static Bytes words_of(const std::vector<uint32_t>& words) {
    Bytes b(4 * words.size());
    for (size_t i = 0; i < words.size(); i++) put(&b[4 * i], words[i], 4);
    return b;
}
static Bytes halves_of(const std::vector<uint16_t>& halves) {
    Bytes b(2 * halves.size());
    for (size_t i = 0; i < halves.size(); i++) put(&b[2 * i], halves[i], 2);
    return b;
}

/// rows x n fields to words [rows][n/8]: nibble p of a word holds the column that order[p] names.
static std::vector<uint32_t> pack_columns(const std::vector<unsigned>& fields, size_t n, const int (&order)[8]) {
    std::vector<uint32_t> words(fields.size() / 8);
    for (size_t w = 0; w < words.size(); w++)
        for (int p = 0; p < 8; p++) words[w] |= fields[w / (n / 8) * n + w % (n / 8) * 8 + size_t(order[p])] << 4 * p;
    return words;
}
constexpr int AWQ_ORDER[8] = { 0, 2, 4, 6, 1, 3, 5, 7 }, PLAIN_ORDER[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static File awq_file(const Tensor& t, size_t offset = 0) {
    return File(words_of(pack_columns(t.codes, t.n, AWQ_ORDER)), words_of(pack_columns(t.zeros, t.n, AWQ_ORDER)),
        halves_of(t.scales), offset);
}
static File gptq_file(const Tensor& t, size_t offset = 0) {
    std::vector<uint32_t> words(t.k / 8 * t.n);
    for (size_t i = 0; i < t.k; i++)
        for (size_t o = 0; o < t.n; o++) words[i / 8 * t.n + o] |= t.codes[i * t.n + o] << 4 * (i % 8);
    return File(words_of(words), words_of(pack_columns(t.zeros, t.n, PLAIN_ORDER)), halves_of(t.scales), offset);
}

static std::string name_of(const Tensor& t) { return "n=" + std::to_string(t.n) + " k=" + std::to_string(t.k) + " group=" + std::to_string(t.group); }

/// x W^T within the promise of exact products.
template <class E, class Run> void check_product(const char* op, const std::string& at, const std::vector<double>& w, const E* x,
                                                 size_t m, size_t n, size_t k, Run run) {
    check_op<E>(op, at + " m=" + std::to_string(m), quant::promised(quant::product(x, w.data(), m, n, k), gllm::Precision::exact, k), run);
}

static Sizes row_counts() { return small() ? Sizes{ 1, 3, 9 } : Sizes{ 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33 }; }

// ---- AWQ --------------------------------------------------------------------

static const std::vector<Sizes>& awq_shapes() {                 // n, k, group
    static const std::vector<Sizes> all = {
        { 8, 1, 1 },     { 8, 32, 32 },   { 8, 128, 128 }, { 16, 96, 32 },  { 24, 128, 64 }, { 8, 300, 100 },
        { 40, 384, 64 }, { 72, 60, 20 },  { 64, 256, 128 }, { 24, 640, 128 }, { 136, 512, 512 }, { 48, 66, 6 }, { 520, 64, 16 },
    };
    static const std::vector<Sizes> few(all.begin(), all.begin() + 8);
    return small() ? few : all;
}

TEST_CASE("AWQ: the vector") {                                  // columns 0 .. 7 hold the codes 0 .. 7
    const File f(words_of({ 0x75316420u }), words_of({ 0 }), halves_of(std::vector<uint16_t>(8, 0x3c00)));
    check_bits<float>("dequant_awq4", "codes", { 0, 1, 2, 3, 4, 5, 6, 7 }, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_awq4(f.qweight(), f.qzeros(), f.scales(), out, 8, 1, 1));
    });
    const File z(words_of({ 0 }), words_of({ 0x75316420u }), halves_of(std::vector<uint16_t>(8, 0x3c00)));
    check_bits<float>("dequant_awq4", "zeros", { 0, -1, -2, -3, -4, -5, -6, -7 }, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_awq4(z.qweight(), z.qzeros(), z.scales(), out, 8, 1, 1));
    });
}

TEST_CASE("dequant_awq4") {
    Rng rng(1);
    for (const Sizes& s : awq_shapes())
        for (Zeros zeros : { Zeros::random, Zeros::all0, Zeros::all15 }) {
            const Tensor t(rng, s[0], s[1], s[2], zeros);
            const std::vector<float> want = quant::to_f32(t.weights());
            for (size_t offset : Sizes{ 0, 1, 2, 3 }) {
                const File f = awq_file(t, offset);
                check_bits<float>("dequant_awq4", name_of(t) + " offset " + std::to_string(offset), want,
                    [&](const CpuKernels<float>& k, float* out) {
                    expect_ok(k.dequant_awq4(f.qweight(), f.qzeros(), f.scales(), out, t.n, t.k, t.group));
                });
            }
        }
}

TEST_CASE_TEMPLATE("awq_matmul", E, ELEMENTS) {
    Rng rng(2);
    const Sizes ms = row_counts();
    size_t turn = 0;
    for (const Sizes& s : awq_shapes())
        for (Zeros zeros : { Zeros::random, Zeros::all0, Zeros::all15 })
            for (size_t repeat = 0; repeat < (zeros == Zeros::random ? 3 : 1); repeat++) {
                const Tensor t(rng, s[0], s[1], s[2], zeros);
                const size_t m = ms[turn++ % ms.size()];
                const File   f = awq_file(t, turn % 4);
                const Guarded<E> x(draw<E>(rng, m * t.k, PRODUCTS[turn % 4]), turn % 2 ? Edge::end : Edge::begin);
                check_product<E>("awq_matmul", name_of(t), t.weights(), x.data(), m, t.n, t.k, [&](const CpuKernels<E>& k, E* out) {
                    expect_ok(k.awq_matmul(f.qweight(), f.qzeros(), f.scales(), x.data(), out, m, t.n, t.k, t.group));
                });
            }
    if (small()) return;
    for (const Sizes& s : { Sizes{ 16, 1 }, Sizes{ 16, 9 }, Sizes{ 136, 1 }, Sizes{ 136, 3 } }) {      // n, m
        const size_t m = s[1];
        const Tensor t(rng, s[0], 11008, 128);
        const File   f = awq_file(t);
        const Guarded<E> x(draw<E>(rng, m * t.k, Data::equal));
        check_product<E>("awq_matmul", name_of(t), t.weights(), x.data(), m, t.n, t.k, [&](const CpuKernels<E>& k, E* out) {
            expect_ok(k.awq_matmul(f.qweight(), f.qzeros(), f.scales(), x.data(), out, m, t.n, t.k, t.group));
        });
    }
}

/// AWQ4 and GPTQ4 blocks of a tensor: the group's pair, then nibbles, weights 0..63 low and 64..127 high; column i is input from(i).
template <class From> Bytes pack_blocks(const Tensor& t, unsigned plus, From from) {
    Bytes blocks(t.n * (t.k / 128) * 72);
    for (size_t o = 0; o < t.n; o++)
        for (size_t c = 0; c < t.k / 128; c++) {
            uint8_t* b = &blocks[(o * (t.k / 128) + c) * 72];
            const size_t at = t.group_of(from(c * 128)) * t.n + o;
            put(b, t.scales[at], 2);
            put(b + 2, round_to<gllm::f16>(double(t.zeros[at] + plus)).bits, 2);
            for (size_t i = 0; i < 64; i++)
                b[8 + i] = uint8_t(t.codes[from(c * 128 + i) * t.n + o] | t.codes[from(c * 128 + 64 + i) * t.n + o] << 4);
        }
    return blocks;
}

/// Every value of want, signs of zeros aside.
static oracle::Want exactly(const std::vector<double>& w) {
    oracle::Want want;
    for (double v : w) want.add(v, 0);
    return want;
}

static const std::vector<Sizes>& block_shapes() {               // n, k, group
    static const std::vector<Sizes> all = { { 8, 128, 128 }, { 16, 256, 128 }, { 24, 640, 128 }, { 8, 768, 256 }, { 40, 384, 384 } };
    return all;
}

TEST_CASE_TEMPLATE("pack_awq4", E, ELEMENTS) {
    Rng rng(3);
    for (const Sizes& s : block_shapes())
        for (Zeros zeros : { Zeros::random, Zeros::all0, Zeros::all15 }) {
            const Tensor t(rng, s[0], s[1], s[2], zeros);
            const File   f = awq_file(t, rng.below(4));
            const Bytes  want = pack_blocks(t, 0, [](size_t i) { return i; });
            INFO(name_of(t));
            CHECK(gllm::row_bytes(QuantType::AWQ4, t.k) * t.n == want.size());
            for (size_t offset : Sizes{ 0, 1, 3 }) {
                Fenced<uint8_t> blocks(want.size(), offset);
                expect_ok(gllm::pack_awq4(f.qweight(), f.qzeros(), f.scales(), t.n, t.k, t.group, blocks.data()));
                CHECK(std::memcmp(blocks.data(), want.data(), want.size()) == 0);
                CHECK(blocks.broken().empty());
            }
            const std::vector<double> w = t.weights();
            check_op<float>("dequant AWQ4", name_of(t), exactly(w), [&](const CpuKernels<float>& k, float* out) {
                expect_ok(k.dequant(QuantType::AWQ4, want.data(), out, t.n * t.k));
            });
            for (size_t m : Sizes{ 1, 6 }) {
                const std::vector<E> x = draw<E>(rng, m * t.k);
                check_product<E>("matmul AWQ4", name_of(t), w, x.data(), m, t.n, t.k, [&](const CpuKernels<E>& k, E* out) {
                    expect_ok(k.matmul(QuantType::AWQ4, want.data(), x.data(), out, m, t.n, t.k));
                });
            }
        }
}

// ---- GPTQ -------------------------------------------------------------------

/// Which group an input belongs to: absent (null), or a table that says the same, its reverse, any, or one for all.
enum class Order { absent, plain, reversed, random, one_group };
constexpr Order ORDERS[] = { Order::absent, Order::plain, Order::reversed, Order::random, Order::one_group };

static void set_order(Tensor& t, Order order, Rng& rng) {
    t.g_idx.clear();
    if (order == Order::absent) return;
    for (size_t i = 0; i < t.k; i++) t.g_idx.push_back(int32_t(i / t.group));
    if (order == Order::reversed) std::reverse(t.g_idx.begin(), t.g_idx.end());
    if (order == Order::random) for (int32_t& g : t.g_idx) g = int32_t(rng.below(t.groups));
    if (order == Order::one_group) for (int32_t& g : t.g_idx) g = int32_t(t.groups - 1);
}
static const int32_t* g_idx(const Tensor& t) { return t.g_idx.empty() ? nullptr : t.g_idx.data(); }

static const std::vector<Sizes>& gptq_shapes() {                // n, k, group; the last ones leave a partial group
    static const std::vector<Sizes> all = {
        { 8, 8, 8 },    { 8, 32, 32 },   { 8, 128, 128 }, { 16, 96, 32 },   { 24, 40, 16 },  { 8, 72, 1000 },
        { 40, 384, 64 }, { 64, 256, 128 }, { 136, 512, 512 }, { 16, 200, 128 }, { 48, 104, 10 }, { 520, 64, 24 },
    };
    static const std::vector<Sizes> few(all.begin(), all.begin() + 6);
    return small() ? few : all;
}

TEST_CASE("GPTQ: the vectors") {
    const Bytes ones = halves_of(std::vector<uint16_t>(8, 0x3c00));
    std::vector<uint32_t> codes(8, 0x76543210u);                // every output: inputs 0 .. 7 hold the codes 0 .. 7
    std::vector<float> want(64);
    for (size_t i = 0; i < 64; i++) want[i] = float(i % 8);
    const File f(words_of(codes), words_of({ 0 }), ones);
    check_bits<float>("dequant_gptq4", "codes", want, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_gptq4(f.qweight(), f.qzeros(), f.scales(), nullptr, out, 8, 8, 8, GptqZeros::v2));
    });
    for (size_t i = 0; i < 64; i++) want[i] = float(i % 8) - float(i / 8);
    const File z(words_of(codes), words_of({ 0x76543210u }), ones);
    check_bits<float>("dequant_gptq4", "zeros", want, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_gptq4(z.qweight(), z.qzeros(), z.scales(), nullptr, out, 8, 8, 8, GptqZeros::v2));
    });
    for (size_t i = 0; i < 64; i++) want[i] = float(i % 8) - 16;
    const File fifteen(words_of(codes), words_of({ 0xffffffffu }), ones);      // a stored 15 means 16 in v1
    check_bits<float>("dequant_gptq4", "v1 15", want, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_gptq4(fifteen.qweight(), fifteen.qzeros(), fifteen.scales(), nullptr, out, 8, 8, 8, GptqZeros::v1));
    });
}

TEST_CASE("GPTQ: v1, v2 and symmetric files of one tensor") {
    Rng rng(4);
    Tensor t(rng, 24, 96, 32);
    for (unsigned& z : t.zeros) z = 8;
    const std::vector<float> want = quant::to_f32(t.weights());
    const File v2 = gptq_file(t);
    CHECK(quant::u32(v2.qzeros()) == 0x88888888u);
    for (unsigned& z : t.zeros) z = 7;
    const File v1 = gptq_file(t);
    CHECK(quant::u32(v1.qzeros()) == 0x77777777u);
    check_bits<float>("dequant_gptq4", "v1", want, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_gptq4(v1.qweight(), v1.qzeros(), v1.scales(), nullptr, out, t.n, t.k, t.group, GptqZeros::v1));
    });
    check_bits<float>("dequant_gptq4", "v2", want, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_gptq4(v2.qweight(), v2.qzeros(), v2.scales(), nullptr, out, t.n, t.k, t.group, GptqZeros::v2));
    });
    check_bits<float>("dequant_gptq4", "symmetric", want, [&](const CpuKernels<float>& k, float* out) {
        expect_ok(k.dequant_gptq4(v2.qweight(), nullptr, v2.scales(), nullptr, out, t.n, t.k, t.group, GptqZeros::symmetric));
    });
    CHECK(gllm::detect_gptq_zeros(v1.qzeros(), t.groups * t.n / 8) == GptqZeros::v1);
    CHECK(gllm::detect_gptq_zeros(v2.qzeros(), t.groups * t.n / 8) == GptqZeros::v2);
}

TEST_CASE("dequant_gptq4") {
    Rng rng(5);
    for (const Sizes& s : gptq_shapes())
        for (Order order : ORDERS) {
            Tensor t(rng, s[0], s[1], s[2],
                order == Order::plain ? Zeros::all15 : order == Order::reversed ? Zeros::all0 : Zeros::random);
            set_order(t, order, rng);
            const File f = gptq_file(t, rng.below(4));
            const Guarded<int32_t> idx(t.g_idx);
            const int32_t* const g = t.g_idx.empty() ? nullptr : idx.data();
            for (GptqZeros zeros : { GptqZeros::v1, GptqZeros::v2 })
                check_bits<float>("dequant_gptq4", name_of(t) + " order " + std::to_string(int(order)),
                    quant::to_f32(t.weights(zeros == GptqZeros::v1)),
                                  [&](const CpuKernels<float>& k, float* out) {
                    expect_ok(k.dequant_gptq4(f.qweight(), f.qzeros(), f.scales(), g, out, t.n, t.k, t.group, zeros));
                });
        }
}

TEST_CASE_TEMPLATE("gptq_matmul", E, ELEMENTS) {
    Rng rng(6);
    const Sizes ms = row_counts();
    size_t turn = 0;
    for (const Sizes& s : gptq_shapes())
        for (Order order : ORDERS) {
            Tensor t(rng, s[0], s[1], s[2]);
            set_order(t, order, rng);
            const GptqZeros zeros = turn % 3 == 0 ? GptqZeros::v1 : turn % 3 == 1 ? GptqZeros::v2 : GptqZeros::symmetric;
            if (zeros == GptqZeros::symmetric) for (unsigned& z : t.zeros) z = 8;
            const size_t m = ms[turn++ % ms.size()];
            const File   f = gptq_file(t, turn % 4);
            const Guarded<int32_t> idx(t.g_idx);
            const int32_t* const g = t.g_idx.empty() ? nullptr : idx.data();
            const Guarded<E> x(draw<E>(rng, m * t.k, PRODUCTS[turn % 4]), turn % 2 ? Edge::end : Edge::begin);
            check_product<E>("gptq_matmul", name_of(t) + " order " + std::to_string(int(order)),
                t.weights(zeros == GptqZeros::v1), x.data(), m, t.n, t.k,
                             [&](const CpuKernels<E>& k, E* out) {
                const void* const qzeros = zeros == GptqZeros::symmetric ? nullptr : f.qzeros();
                expect_ok(k.gptq_matmul(f.qweight(), qzeros, f.scales(), g, x.data(), out, m, t.n, t.k, t.group, zeros));
            });
        }
    if (small()) return;
    for (const Sizes& s : { Sizes{ 40, 11008, 128, 1 }, Sizes{ 40, 11008, 64, 3 }, Sizes{ 24, 4800, 8, 1 }, Sizes{ 24, 4800, 8, 3 } }) {
        Tensor t(rng, s[0], s[1], s[2]);
        const size_t m = s[3];
        set_order(t, s[2] == 8 ? Order::random : Order::plain, rng);
        const File f = gptq_file(t);
        const Guarded<int32_t> idx(t.g_idx);
        const Guarded<E> x(draw<E>(rng, m * t.k, Data::equal));
        check_product<E>("gptq_matmul", name_of(t), t.weights(), x.data(), m, t.n, t.k, [&](const CpuKernels<E>& k, E* out) {
            expect_ok(k.gptq_matmul(f.qweight(), f.qzeros(), f.scales(), idx.data(), x.data(), out, m, t.n, t.k, t.group,
                                    GptqZeros::v2));
        });
    }
}

TEST_CASE("gptq_matmul: a row that no fixed point holds leaves others alone") {
    Rng rng(9);
    const Tensor t(rng, 72, 256, 64);
    const File   f = gptq_file(t);
    for (float odd : { 1e35f, 1e-35f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity() })
        for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
            TEST_INFO("gptq_matmul", isa, float, odd);
            std::vector<float> x = draw<float>(rng, 3 * t.k), y(3 * t.n), want(3 * t.n);
            const auto run = [&](std::vector<float>& out) {
                expect_ok(k.gptq_matmul(f.qweight(), f.qzeros(), f.scales(), nullptr, x.data(), out.data(), 3, t.n, t.k, t.group,
                                        GptqZeros::v2));
            };
            run(want);
            x[t.k + 100] = odd;
            run(y);
            for (size_t i : Sizes{ 0, 2 }) CHECK(std::memcmp(&y[i * t.n], &want[i * t.n], t.n * sizeof(float)) == 0);
            if (odd != odd) for (size_t i = 0; i < t.n; i++) CHECK(std::isnan(y[t.n + i]));
        });
}

TEST_CASE_TEMPLATE("pack_gptq4", E, ELEMENTS) {
    Rng rng(7);
    for (const Sizes& s : block_shapes())
        for (Order order : { Order::absent, Order::plain, Order::reversed, Order::random })
            for (GptqZeros zeros : { GptqZeros::v1, GptqZeros::v2, GptqZeros::symmetric }) {
                Tensor t(rng, s[0], s[1], s[2]);
                set_order(t, order == Order::random ? Order::plain : order, rng);
                if (order == Order::random)                     // any order in which the groups are equally large
                    for (size_t i = t.k; i-- > 1;) std::swap(t.g_idx[i], t.g_idx[rng.below(i + 1)]);
                if (zeros == GptqZeros::symmetric) for (unsigned& z : t.zeros) z = 8;
                const unsigned plus = zeros == GptqZeros::v1;
                const File f = gptq_file(t, rng.below(4));
                const void* const qzeros = zeros == GptqZeros::symmetric ? nullptr : f.qzeros();
                INFO(name_of(t) << " order " << int(order) << " zeros " << int(zeros));

                Fenced<uint8_t> blocks(t.n * gllm::row_bytes(QuantType::GPTQ4, t.k), 1);
                Fenced<int32_t> perm(t.k, 1);
                expect_ok(gllm::pack_gptq4(f.qweight(), qzeros, f.scales(), g_idx(t), t.n, t.k, t.group, zeros,
                    blocks.data(), perm.data()));
                CHECK(blocks.broken().empty());
                CHECK(perm.broken().empty());
                std::vector<int32_t> sorted(perm.data(), perm.data() + t.k);
                std::sort(sorted.begin(), sorted.end());
                bool permutation = true, by_group = true;
                for (size_t i = 0; i < t.k; i++) permutation &= sorted[i] == int32_t(i);
                REQUIRE(permutation);
                for (size_t i = 1; i < t.k; i++) by_group &= t.group_of(size_t(perm[i - 1])) <= t.group_of(size_t(perm[i]));
                CHECK(by_group);
                const Bytes want = pack_blocks(t, plus, [&](size_t i) { return size_t(perm[i]); });
                CHECK(std::memcmp(blocks.data(), want.data(), want.size()) == 0);
                if (order == Order::absent) {
                    Fenced<uint8_t> again(want.size());
                    expect_ok(gllm::pack_gptq4(f.qweight(), qzeros, f.scales(), nullptr, t.n, t.k, t.group, zeros,
                        again.data(), nullptr));
                    CHECK(std::memcmp(again.data(), blocks.data(), want.size()) == 0);
                    for (size_t i = 0; i < t.k; i++) CHECK(perm[i] == int32_t(i));
                }
                if (zeros == GptqZeros::v2 && order != Order::reversed) continue;

                const std::vector<double> w = t.weights(plus);  // the packed product of the permuted input is the tensor's
                std::vector<double> permuted(w.size());
                for (size_t i = 0; i < w.size(); i++) permuted[i] = w[i / t.k * t.k + size_t(perm[i % t.k])];
                check_op<float>("dequant GPTQ4", name_of(t), exactly(permuted), [&](const CpuKernels<float>& k, float* out) {
                    expect_ok(k.dequant(QuantType::GPTQ4, want.data(), out, t.n * t.k));
                });
                for (size_t m : Sizes{ 1, 6 }) {
                    const std::vector<E> x = draw<E>(rng, m * t.k);
                    std::vector<E> moved(x.size());
                    for (size_t i = 0; i < x.size(); i++) moved[i] = x[i / t.k * t.k + size_t(perm[i % t.k])];
                    oracle::Want sum = quant::product(x.data(), w.data(), m, t.n, t.k);
                    sum.bound = quant::product(moved.data(), permuted.data(), m, t.n, t.k).bound;
                    check_op<E>("matmul GPTQ4", name_of(t), quant::promised(sum, gllm::Precision::exact, t.k),
                        [&](const CpuKernels<E>& k, E* out) {
                        expect_ok(k.matmul(QuantType::GPTQ4, want.data(), moved.data(), out, m, t.n, t.k));
                    });
                }
            }
}

TEST_CASE("detect_gptq_zeros") {
    Rng rng(8);
    const auto detect = [](const std::vector<uint32_t>& words) {
        const Guarded<uint8_t> bytes(words_of(words));
        return gllm::detect_gptq_zeros(bytes.data(), words.size());
    };
    std::vector<uint32_t> words(100);
    for (uint32_t& w : words) w = uint32_t(rng.bits());
    CHECK(detect(words) == GptqZeros::unknown);
    for (uint32_t fill : { 0x77777777u, 0x88888888u }) {
        const GptqZeros want = fill == 0x77777777u ? GptqZeros::v1 : GptqZeros::v2;
        CHECK(detect({ fill }) == want);
        CHECK(detect(std::vector<uint32_t>(33, fill)) == want);
        for (size_t i = 0; i < 100; i++) words[i] = i % 4 ? fill : uint32_t(rng.bits());
        CHECK(detect(words) == want);                           // most of them
        Bytes odd = words_of(words);
        odd.insert(odd.begin(), 0x55);
        CHECK(gllm::detect_gptq_zeros(odd.data() + 1, words.size()) == want);
    }
    CHECK(detect(std::vector<uint32_t>(10, 0)) == GptqZeros::unknown);
    CHECK(detect(std::vector<uint32_t>(10, 0x78787878u)) == GptqZeros::unknown);
    CHECK(detect(std::vector<uint32_t>(10, 0x66666666u)) == GptqZeros::unknown);
    CHECK(gllm::detect_gptq_zeros(nullptr, 0) == GptqZeros::unknown);
}

// ---- both -------------------------------------------------------------------

TEST_CASE_TEMPLATE("AWQ and GPTQ: threads change no bit; NaN stays in its row; little memory", E, ELEMENTS) {
    gllm::ThreadPool two(2), three(3);
    Rng rng(9);
    Tensor t(rng, small() ? 40 : 328, small() ? 64 : 512, 32);
    const File awq = awq_file(t), gptq = gptq_file(t);
    set_order(t, Order::random, rng);
    for (size_t m : Sizes{ 1, 5, 19 }) {
        std::vector<E> x = draw<E>(rng, m * t.k);
        for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
            for (bool is_awq : { true, false }) {
                TEST_INFO((is_awq ? "awq_matmul" : "gptq_matmul"), isa, E, name_of(t) + " m=" + std::to_string(m));
                const auto run = [&](const CpuKernels<E>& k, E* out) {
                    return is_awq ? k.awq_matmul(awq.qweight(), awq.qzeros(), awq.scales(), x.data(), out, m, t.n, t.k, t.group)
                                  : k.gptq_matmul(gptq.qweight(), gptq.qzeros(), gptq.scales(), t.g_idx.data(), x.data(),
                                      out, m, t.n, t.k,
                                                  t.group, GptqZeros::v1);
                };
                std::vector<E> want(m * t.n);
                expect_ok(run(plain, want.data()));
                for (gllm::ThreadPool* pool : { &two, &three }) {
                    CpuKernels<E> k = plain;
                    k.parallel = pool->parallel();
                    Fenced<E> out(m * t.n, 1);
                    expect_ok(run(k, out.data()));
                    const std::string wrong = differ(out.data(), want.data(), want.size()) + out.broken();
                    CHECK_MESSAGE(wrong.empty(), wrong);
                }
                const E old = x[(m / 2) * t.k + 3];
                x[(m / 2) * t.k + 3] = round_to<E>(oracle::QNAN);
                std::vector<E> spoilt(m * t.n);
                expect_ok(run(plain, spoilt.data()));
                x[(m / 2) * t.k + 3] = old;
                size_t wrong = 0;
                for (size_t i = 0; i < spoilt.size(); i++)
                    wrong += i / t.n == m / 2 ? oracle::value(spoilt[i]) == oracle::value(spoilt[i]) : !same(spoilt[i], want[i]);
                CHECK(wrong == 0);
                for (size_t bytes : Sizes{ 0, 1, 1000, 100000 }) {
                    Guarded<uint8_t> scratch(bytes + 1);
                    CpuKernels<E> k = plain;
                    k.workspace = { scratch.data() + 1, bytes };
                    Fenced<E> out(m * t.n);
                    const long before = allocations_ever();
                    const Status s = run(k, out.data());
                    CHECK(allocations_ever() == before);
                    if (s) CHECK(differ(out.data(), want.data(), want.size()).empty());
                    else CHECK((s.code == gllm::Code::out_of_memory && s.what && *s.what && out.untouched()));
                }
                fail_allocations(true);
                Fenced<E> out(m * t.n);
                const Status s = run(plain, out.data());
                fail_allocations(false);
                if (s) CHECK(differ(out.data(), want.data(), want.size()).empty());
                else CHECK((s.code == gllm::Code::out_of_memory && s.what && *s.what && out.untouched()));
                CHECK(allocations() == 0);
                CHECK(overruns() == 0);
            }
        });
    }
}

TEST_CASE_TEMPLATE("AWQ and GPTQ: m = 0, n = 0, k = 0", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("awq_matmul, gptq_matmul", isa, E, "nothing to do");
        const E* none = nullptr;
        Fenced<E> out(24);
        Fenced<float> weights(24);
        expect_ok(k.dequant_awq4(nullptr, nullptr, nullptr, weights.data(), 0, 0, 128));
        expect_ok(k.dequant_awq4(nullptr, nullptr, nullptr, weights.data(), 8, 0, 128));
        expect_ok(k.dequant_gptq4(nullptr, nullptr, nullptr, nullptr, weights.data(), 0, 64, 32, GptqZeros::v2));
        expect_ok(k.dequant_gptq4(nullptr, nullptr, nullptr, nullptr, weights.data(), 8, 0, 32, GptqZeros::v1));
        const std::vector<E> x(3 * 64, round_to<E>(1.0));
        expect_ok(k.awq_matmul(nullptr, nullptr, nullptr, x.data(), out.data(), 3, 0, 64, 32));
        expect_ok(k.gptq_matmul(nullptr, nullptr, nullptr, nullptr, x.data(), out.data(), 3, 0, 64, 32, GptqZeros::symmetric));
        Rng rng(1);
        const Tensor t(rng, 8, 64, 32);
        const File f = awq_file(t);
        expect_ok(k.awq_matmul(f.qweight(), f.qzeros(), f.scales(), none, out.data(), 0, 8, 64, 32));
        CHECK(out.untouched());
        CHECK(weights.untouched());
        expect_ok(k.awq_matmul(nullptr, nullptr, nullptr, none, out.data(), 3, 8, 0, 128));
        for (size_t i = 0; i < 24; i++) CHECK(oracle::value(out[i]) == 0);
        Fenced<E> other(24);
        expect_ok(k.gptq_matmul(nullptr, nullptr, nullptr, nullptr, none, other.data(), 3, 8, 0, 128, GptqZeros::v2));
        for (size_t i = 0; i < 24; i++) CHECK(oracle::value(other[i]) == 0);
        CHECK((out.broken().empty() && other.broken().empty()));
    });
}

// ---- SqueezeLLM -------------------------------------------------------------

/// codes [k][n] of 3 bits to words [k/32*3][n]: each run of 32 inputs of a column is a 96-bit stream.
static std::vector<uint32_t> pack3(const std::vector<unsigned>& codes, size_t n, size_t k) {
    std::vector<uint32_t> words(k / 32 * 3 * n);
    for (size_t i = 0; i < k; i++)
        for (size_t o = 0; o < n; o++)
            for (size_t b = 0; b < 3; b++) {
                const size_t bit = i % 32 * 3 + b;
                words[(i / 32 * 3 + bit / 32) * n + o] |= (codes[i * n + o] >> b & 1u) << bit % 32;
            }
    return words;
}

TEST_CASE("SqueezeLLM: the vectors") {
    std::vector<unsigned> codes(32);
    for (unsigned i = 0; i < 32; i++) codes[i] = i % 8;
    CHECK(pack3(codes, 1, 32) == std::vector<uint32_t>{ 0x88fac688u, 0xc688fac6u, 0xfac688fau });
    std::vector<unsigned> straddling(32);
    straddling[10] = 5, straddling[21] = 6;
    CHECK(pack3(straddling, 1, 32) == std::vector<uint32_t>{ 0x40000000u, 1u, 3u });
    const std::vector<float> levels = { 0, 10, 20, 30, 40, 50, 60, 70 };
    for (const std::vector<unsigned>& v : { codes, straddling }) {
        std::vector<unsigned> column;
        for (int run = 0; run < 8; run++) column.insert(column.end(), v.begin(), v.end());
        std::vector<float> want;
        for (unsigned c : column) want.push_back(10 * float(c));
        const Bytes words = words_of(pack3(column, 1, 256));
        Fenced<uint8_t> blocks(130, 1);
        expect_ok(gllm::pack_squeeze(words.data(), levels.data(), 1, 256, blocks.data()));
        CHECK(blocks.broken().empty());
        check_bits<float>("dequant_squeeze", "vector", want,
                          [&](const CpuKernels<float>& k, float* out) { expect_ok(k.dequant_squeeze(blocks.data(), out, 256)); });
    }
}

TEST_CASE_TEMPLATE("pack_squeeze, squeeze_matmul and csr_matmul_add make a layer", E, ELEMENTS) {
    Rng rng(10);
    for (Sizes s : { Sizes{ 1, 1, 256 }, Sizes{ 1, 37, 512 }, Sizes{ 6, 9, 1024 }, Sizes{ 17, 40, 256 } }) {
        const size_t m = s[0], n = s[1], k = s[2];
        std::vector<unsigned> codes(n * k);
        for (unsigned& c : codes) c = unsigned(rng.below(8));
        std::vector<float> levels(8 * n);
        for (float& l : levels) l = rng.below(10) ? float(rng.gaussian() / 20) : 0.0f;
        const Guarded<uint8_t> words(words_of(pack3(codes, n, k)));
        const Guarded<float>   table(levels);
        Bytes misplaced(words.size() + 1);
        std::copy(words.data(), words.data() + words.size(), misplaced.begin() + 1);

        std::vector<double> w(n * k);
        Bytes want(n * (k / 256) * 130);
        for (size_t i = 0; i < n * k; i++) w[i] = double(levels[i / k * 8 + codes[i % k * n + i / k]]);
        for (size_t o = 0; o < n; o++)
            for (size_t c = 0; c < k / 256; c++) {
                uint8_t* b = &want[(o * (k / 256) + c) * 130];
                put(b, 0x3c00, 2);
                for (size_t i = 0; i < 256; i++)
                    for (size_t bit = 0; bit < 3; bit++)
                        b[2 + (3 * i + bit) / 8] = uint8_t(b[2 + (3 * i + bit) / 8] | (codes[(c * 256 + i) * n + o] >> bit & 1u) << (3 * i + bit) % 8);
                for (size_t l = 0; l < 8; l++) put(b + 98 + 4 * l, oracle::bits_of(levels[8 * o + l]), 4);
            }
        for (const uint8_t* from : { words.data(), static_cast<const uint8_t*>(misplaced.data() + 1) }) {
            Fenced<uint8_t> blocks(want.size(), 1);
            expect_ok(gllm::pack_squeeze(from, table.data(), n, k, blocks.data()));
            CHECK(std::memcmp(blocks.data(), want.data(), want.size()) == 0);
            CHECK(blocks.broken().empty());
        }
        check_bits<float>("dequant_squeeze", shape(n, k), quant::to_f32(w),
                          [&](const CpuKernels<float>& kk, float* out) { expect_ok(kk.dequant_squeeze(want.data(), out, n * k)); });

        std::vector<int32_t> rows(n + 1), cols;                 // three outliers an output, far larger than the rest
        std::vector<float>   vals;
        std::vector<double>  all = w;
        for (size_t o = 0; o < n; o++) {
            for (int e = 0; e < 3; e++) {
                cols.push_back(int32_t(rng.below(k)));
                vals.push_back(float(2 * rng.gaussian()));
                all[o * k + size_t(cols.back())] += double(vals.back());
            }
            rows[o + 1] = int32_t(cols.size());
        }
        const Guarded<E> x(draw<E>(rng, m * k));
        check_product<E>("squeeze_matmul", shape(n, k), w, x.data(), m, n, k, [&](const CpuKernels<E>& kk, E* out) {
            expect_ok(kk.squeeze_matmul(want.data(), x.data(), out, m, n, k));
        });
        if (!std::is_same<E, float>::value) continue;           // in f16 and bf16 the layer is rounded twice
        std::vector<double> either(all.size());
        for (size_t i = 0; i < all.size(); i++) either[i] = std::fabs(w[i]) + std::fabs(all[i] - w[i]);
        oracle::Want layer = quant::product(x.data(), all.data(), m, n, k);
        layer.bound = quant::product(x.data(), either.data(), m, n, k).bound;
        check_op<E>("squeeze_matmul, csr_matmul_add", shape(m, n, k), quant::promised(layer, gllm::Precision::exact, k, 2),
            [&](const CpuKernels<E>& kk, E* out) {
            expect_ok(kk.squeeze_matmul(want.data(), x.data(), out, m, n, k));
            expect_ok(kk.csr_matmul_add(rows.data(), cols.data(), vals.data(), x.data(), out, m, n, k));
        });
    }
}
