// Weights packed ahead. Catches codes, scales or rows that land in a wrong place or do not come back, a kernel that differs from its
// twin, breaks the calling convention or reads beyond strips or x, integers that wrap, promises that do not hold, weights that are zero
// and count, rows beyond the last one, bits that depend on threads, addresses or scratch, workspaces that are too small, buffers that
// do not fit and are taken, inputs prepared for others that are taken or change a bit, and CPUs without a form that have one. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#if defined(__x86_64__) || defined(__aarch64__)
#include "calling.hpp"
#endif
#include "kernels.hpp"
#include "quant_oracle.hpp"

using namespace test;
using gllm::Code;
using gllm::CpuKernels;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;
using oracle::round_to;
using quant::Bytes;
using quant::Fill;
using quant::Format;
using quant::formats;

namespace {

constexpr Precision PRECISIONS[] = { Precision::exact, Precision::fast };
const char* precision_name(Precision p) { return p == Precision::exact ? " exact" : " fast"; }
void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << text(s.what)); }

template <class E> bool has_form(const CpuKernels<E>& k, QuantType type) { return k.packed_weights_bytes(type, 16, 256) != 0; }

bool packs(QuantType type) {
    for (QuantType t : { QuantType::Q2_K, QuantType::Q3_K, QuantType::Q4_K, QuantType::Q5_K, QuantType::Q6_K, QuantType::Q8_0, QuantType::Q4_0,
                         QuantType::Q4_1, QuantType::IQ4_NL, QuantType::IQ4_XS })
        if (t == type) return true;
    return false;
}

/// The formats that have a form on some instruction set of this CPU.
std::vector<Format> packed_formats() {
    std::vector<Format> some;
    for (const Format& f : formats()) {
        bool has = false;
        for_each_isa<float>([&](const CpuKernels<float>& k, const char*) { has |= has_form(k, f.type); });
        if (has) some.push_back(f);
    }
    return some;
}

// ---- inputs -----------------------------------------------------------------

/// worst: a group's largest, and others that lie between two steps of fixed point, of 2^-15 in the first row of x, 2^-16 in the next and
/// so on, on the side of the weight of row 0. digits: all but the highest are the lowest there are, in groups of 32 by turns of fixed
/// points that formats have. mixed: every third row is not held in fixed point.
enum class Input { gaussian, highest, lowest, alternating, outliers, sparse, zeros, worst, digits, mixed };
constexpr Input INPUTS[] = { Input::gaussian, Input::highest, Input::lowest, Input::alternating, Input::outliers, Input::sparse,
                             Input::zeros, Input::worst, Input::digits, Input::mixed };

/// The largest integer up to `full` whose lower two of three digits are half of `base`, as a share of `full`.
double half_digits(int full, int base) {
    const int low = base / 2 * (base + 1);
    return double((full - low) / (base * base) * base * base + low) / full;
}
const double HALF_DIGITS[] = { half_digits(1 << 17, 64), half_digits(1 << 17, 128), half_digits(1 << 18, 128), half_digits(63 << 13, 128) };

template <class E> std::vector<E> draw_input(Rng& rng, size_t m, size_t k, Input kind, const std::vector<double>& w) {
    std::vector<E> x(m * k);
    for (size_t i = 0; i < m * k; i++) {
        const double g = rng.gaussian(), side = w[i % k] < 0 ? -1 : 1;
        double v = g;
        switch (kind) {
            case Input::gaussian:    break;
            case Input::highest:     v = 3; break;
            case Input::lowest:      v = -3; break;
            case Input::alternating: v = i % 2 ? 3 : -3; break;
            case Input::outliers:    v = i % 37 ? g / 1000 : 1000 * g; break;
            case Input::sparse:      v = rng.below(40) ? (rng.below(2) ? 0.0 : -0.0) : g; break;
            case Input::zeros:       v = 0; break;
            case Input::worst:       v = i % 32 == 5 ? 1 : side * std::ldexp(2 * double(rng.below(16000)) + 0.5, -15 - int(i / k % 5)); break;
            case Input::digits:      v = i % 32 == 5 ? 1 : -HALF_DIGITS[i / 32 % 4]; break;
            case Input::mixed:       v = i / k % 3 == 1 && i % 211 == 0 ? std::ldexp(g, i % 2 ? 90 : -90) : g; break;
        }
        x[i] = round_to<E>(v);
    }
    return x;
}

/// A product, its weights as they are and packed, in the middle of pages that fault.
template <class E> struct Case {
    QuantType type;
    size_t    m, n, k;
    Guarded<uint8_t>    blocks;
    std::vector<double> w;
    Guarded<E>          x;
    oracle::Want        want;
    Case(Rng& rng, QuantType type_, size_t m_, size_t n_, size_t blocks_, Input input, Fill fill = Fill::random)
        : type(type_), m(m_), n(n_), k(blocks_ * 256), blocks(quant::make_rows(rng, type_, n_, k, fill)),
          w(quant::decode(type_, blocks.data(), n_ * k)), x(draw_input<E>(rng, m_, k, input, w)) {
        want = quant::product(x.data(), w.data(), m, n, k);
    }
    void renew() {
        w = quant::decode(type, blocks.data(), n * k);
        want = quant::product(x.data(), w.data(), m, n, k);
    }
    std::string name() const { return quant::format(type).name + " " + shape(m, n, k); }
    /// By packed weights where there is such a form, else as they are.
    Status run(const CpuKernels<E>& kernels, E* out, Precision p) const {
        const size_t bytes = kernels.packed_weights_bytes(type, n, k);
        if (!bytes) return kernels.matmul(type, blocks.data(), x.data(), out, m, n, k, p);
        const Guarded<uint8_t> packed(bytes);
        const Status s = kernels.pack_weights(type, blocks.data(), const_cast<uint8_t*>(packed.data()), n, k);
        return s ? kernels.matmul_packed(packed.data(), x.data(), out, m, n, k, p) : s;
    }
    void check(const std::string& at) const {
        for (Precision p : PRECISIONS)
            check_op<E>("matmul_packed", name() + at + precision_name(p), quant::promised(want, p, k),
                        [&](const CpuKernels<E>& kernels, E* out) { expect_ok(run(kernels, out, p)); });
    }
};

} // namespace

// ---- the form ---------------------------------------------------------------

TEST_CASE("there is a form on AVX2 and, not emulated, AVX-512 and NEON with dot products") {
    for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
        const bool native = gllm::isa_presence(k.isa()) == gllm::Presence::native, dots = gllm::cpu_features().neon_dotprod;
        for (const Format& f : formats()) {
            INFO(f.name << " on " << text(isa));
            const bool has  = k.isa() == gllm::Isa::avx512 || (k.isa() == gllm::Isa::neon && dots);
            const bool want = packs(f.type) && (k.isa() == gllm::Isa::avx2 || (native && has));
            CHECK(has_form(k, f.type) == want);
            const Bytes blocks(gllm::row_bytes(f.type, 256));
            const size_t bytes = k.packed_weights_bytes(f.type, 16, 256);
            if (want) CHECK(bytes <= 128 + 16 * blocks.size() * 104 / 100);
            else check_refused<uint8_t>("no form", 64, Code::unsupported, [&](uint8_t* out) { return k.pack_weights(f.type, blocks.data(), out, 1, 256); });
            if (f.weights < 256) CHECK(k.packed_weights_bytes(f.type, 16, 256 + f.weights) == 0);
        }
    });
}

TEST_CASE("blocks come back bit for bit, whatever is in them") {
    for (const Kernel& kernel : kernels("strip_rows")) {
        REQUIRE_MESSAGE(kernel.formats, text(kernel.name) << " is used by no instruction set");
        if (!kernel.present) continue;
        const size_t row = gllm::row_bytes(QuantType(kernel.kind), 768);
        for (size_t rows : { size_t(1), kernel.rows / 2, kernel.rows - 1, kernel.rows }) {
            Rng rng(rows);
            Bytes any(rows * row);
            for (uint8_t& b : any) b = uint8_t(rng.bits());
            const Guarded<uint8_t> w(any);
            Guarded<uint8_t> strip(3 * strip_bytes(kernel)), back(rows * row);
            std::memset(strip.data(), 0xa5, strip.size());
            pack_strip(kernel, w.data(), row, rows, 3, strip.data());
            unpack_strip(kernel, strip.data(), 3, back.data(), row, rows);
            CHECK(std::memcmp(back.data(), any.data(), any.size()) == 0);
        }
    }
}

// ---- the kernels ------------------------------------------------------------

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

/// What a kernel takes, as it reads it.
struct Job {
    const uint8_t* strips;
    size_t         unused[2], count, blocks, digits;
    const uint8_t* x;
    float*         y;
    size_t         unused_too[2], inputs, x_bytes, y_row;
    alignas(64) uint8_t room[768 + 16 * 320];
};
static_assert(offsetof(Job, room) == 128, "where kernels have their room");

void check(const Kernel& kernel, size_t m, size_t strips, size_t blocks, size_t digits, Fill codes, Input inputs, Edge edge) {
    const QuantType type = QuantType(kernel.kind);
    const size_t    k = 256 * blocks, n = kernel.rows * strips, row = gllm::row_bytes(type, k), strip = blocks * strip_bytes(kernel);
    INFO(text(kernel.name) << " m=" << m << " n=" << n << " k=" << k << " digits=" << digits << " codes " << int(codes) << " inputs " << int(inputs)
         << (edge == Edge::end ? " at the end" : " at the beginning") << " of a page, seed " << seed());
    Rng rng(strips * 1000 + blocks * 16 + digits * 4 + size_t(codes));
    const Bytes               w = quant::make_rows(rng, type, n, k, codes, true);
    const std::vector<double> weights = quant::decode(type, w.data(), n * k);
    const std::vector<float>  x = draw_input<float>(rng, m, k, inputs, weights);
    Guarded<uint8_t> packed(strips * strip, edge);
    for (size_t s = 0; s < strips; s++) pack_strip(kernel, w.data() + kernel.rows * s * row, row, kernel.rows, blocks, packed.data() + s * strip);
    const size_t     x_bytes = bytes_for_strips(kernel, k, digits), y_row = n + 3;
    Guarded<uint8_t> prepared(m * x_bytes, edge);
    for (size_t i = 0; i < m; i++) CHECK(prepare_for_strips(kernel, x.data() + i * k, k, digits, prepared.data() + i * x_bytes));

    Fenced<float> y(m * y_row, 0), twin(m * y_row, 0);
    static Job job;                                             // static: aligned on every system
    job = { packed.data(), {}, strips, blocks, digits, prepared.data(), y.data(), {}, m, x_bytes, y_row, {} };
    const std::string convention = call(reinterpret_cast<void (*)(Job*)>(kernel.run), &job), broken = y.broken();
    CHECK_MESSAGE(convention.empty(), convention);
    CHECK_MESSAGE(broken.empty(), broken);
    job = { packed.data(), {}, strips, blocks, digits, prepared.data(), twin.data(), {}, m, x_bytes, y_row, {} };
    reinterpret_cast<void (*)(Job*)>(twin_of_strips(kernel))(&job);
    for (size_t i = 0; i < m; i++) {
        const float* const row_of_y = y.data() + i * y_row;
        const std::string bits = differ(row_of_y, static_cast<const float*>(twin.data() + i * y_row), n);
        CHECK_MESSAGE(bits.empty(), bits);
        const oracle::Want want = quant::promised(quant::product(x.data() + i * k, weights.data(), 1, n, k),
                                                  digits == 1 ? Precision::fast : Precision::exact, k);
        const std::string wrong = compare(row_of_y, want);
        CHECK_MESSAGE(wrong.empty(), wrong);
        for (size_t r = n; r < y_row; r++) CHECK(std::isnan(row_of_y[r]));      // between the rows, as it was
    }
}

} // namespace

TEST_CASE("strips") {
    for (const Kernel& kernel : kernels("strip_rows")) {
        REQUIRE_MESSAGE(kernel.formats, text(kernel.name) << " is used by no instruction set");
        if (!kernel.present) { MESSAGE("skipped: " << text(kernel.name) << ", not for this CPU"); continue; }
        for (size_t digits : { 1u, 3u }) {
            for (size_t blocks : { 1u, 2u, 3u, 16u, 17u })
                for (size_t strips : { 1u, 3u })
                    for (Edge edge : { Edge::end, Edge::begin }) check(kernel, 1, strips, blocks, digits, Fill::random, Input::gaussian, edge);
            for (Fill codes : { Fill::random, Fill::zeros, Fill::ones })
                for (Input inputs : INPUTS)
                    if (inputs != Input::mixed) check(kernel, 2, 2, 3, digits, codes, inputs, Edge::end);
            for (size_t m = 2; m <= kernel.columns; m++)
                for (size_t blocks : { 1u, 5u }) check(kernel, m, 2, blocks, digits, Fill::random, Input::gaussian, Edge::end);
        }
    }
}
#endif

// ---- products ---------------------------------------------------------------

TEST_CASE_TEMPLATE("matmul_packed: rows 1 to 33, ragged n", E, ELEMENTS) {
    for (const Format& f : packed_formats()) {
        Rng rng(uint64_t(f.type) + 1000);
        for (size_t m : Sizes{ 1, 2, 3, 5, 8, 15, 16, 17, 33 })
            for (size_t n : Sizes{ 1, 15, 16, 17, 33, 70 }) {
                const Case<E> c(rng, f.type, m, n, 1 + rng.below(3), INPUTS[rng.below(std::size(INPUTS))]);
                c.check("");
            }
    }
}

TEST_CASE_TEMPLATE("matmul_packed: every kind of input, extreme codes", E, ELEMENTS) {
    for (const Format& f : packed_formats()) {
        Rng rng(uint64_t(f.type) + 2000);
        for (Input input : INPUTS)
            for (Fill fill : { Fill::random, Fill::ones, Fill::zeros }) {
                const Case<E> c(rng, f.type, 4, 19, 4, input, fill);
                c.check(" input " + std::to_string(int(input)) + " codes " + std::to_string(int(fill)));
            }
    }
}

TEST_CASE("matmul_packed: long rows") {
    for (const Format& f : packed_formats())
        for (Input input : { Input::gaussian, Input::highest, Input::worst }) {
            Rng rng(uint64_t(f.type) + 3000);
            const Case<float> c(rng, f.type, 1, 3, input == Input::highest ? 512 : 112, input, input == Input::highest ? Fill::ones : Fill::random);
            c.check("");
        }
}

/// Every weight of it s q - m = 0, or all but a few.
TEST_CASE_TEMPLATE("matmul_packed: weights that an offset makes zero count for nothing", E, ELEMENTS) {
    for (QuantType type : { QuantType::Q4_K, QuantType::Q4_1 })
        for (size_t m : Sizes{ 1, 4 })
            for (bool all : { true, false })
                for (Input input : { Input::gaussian, Input::outliers, Input::highest }) {
                    Rng rng(m);
                    Case<E> c(rng, type, m, 21, 4, input);
                    const size_t head = type == QuantType::Q4_K ? 16 : 4, codes = type == QuantType::Q4_K ? 128 : 16;
                    for (size_t at = 0; at < c.blocks.size(); at += head + codes) {
                        uint8_t* const b = c.blocks.data() + at;
                        const unsigned q = 1 + unsigned(rng.below(3));
                        const double   d = std::ldexp(1.0 + double(rng.below(16)) / 16, int(rng.below(12)) - 10);
                        quant::put(b, round_to<gllm::f16>(d).bits, 2);
                        if (type == QuantType::Q4_K) {                              // scale 2, minimum 2 q
                            quant::put(b + 2, round_to<gllm::f16>(d).bits, 2);
                            std::memset(b + 4, 2, 4), std::memset(b + 8, int(2 * q), 4), std::memset(b + 12, int(2 + (2 * q << 4)), 4);
                        } else {
                            quant::put(b + 2, round_to<gllm::f16>(-d * q).bits, 2);
                        }
                        std::memset(b + head, int(q * 0x11), codes);
                        if (!all && rng.below(4) == 0) b[head + rng.below(codes)] ^= 0x11;
                    }
                    c.renew();
                    c.check(all ? " all zero" : " all but a few zero");
                }
}

/// Where x or m is not for the kernels the bits are those of matmul, and rows do not depend on each other.
TEST_CASE_TEMPLATE("matmul_packed: the bits of matmul where it takes rows as they are", E, ELEMENTS) {
    for (const Format& f : packed_formats())
        for (size_t m : Sizes{ 4, 16, 17, 40 })
            for (size_t n : Sizes{ 5, 40, 1100 }) {
                if (n == 1100 && m != 4 && (m != 40 || small())) continue;
                Rng rng(m);
                const Case<E> c(rng, f.type, m, n, 2, Input::mixed);
                for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
                    if (!has_form(k, f.type)) return;
                    for (Precision p : PRECISIONS) {
                        TEST_INFO("matmul_packed", isa, E, c.name());
                        std::vector<E> plain(m * n), got(m * n), alone(n);
                        expect_ok(k.matmul(f.type, c.blocks.data(), c.x.data(), plain.data(), m, n, c.k, p));
                        expect_ok(c.run(k, got.data(), p));
                        Case<E> one(rng, f.type, 1, n, 2, Input::zeros);
                        std::memcpy(one.blocks.data(), c.blocks.data(), c.blocks.size());
                        for (size_t i = 0; i < m; i++) {
                            const bool held = m <= 16 && i % 3 != 1;
                            std::memcpy(one.x.data(), c.x.data() + i * c.k, c.k * sizeof(E));
                            if (m <= 16) expect_ok(one.run(k, alone.data(), p));
                            const std::string bits = differ(static_cast<const E*>(got.data() + i * n), held ? alone.data() : plain.data() + i * n, n);
                            CHECK_MESSAGE(bits.empty(), "row " << i << ": " << bits);
                        }
                    }
                });
            }
}

TEST_CASE_TEMPLATE("matmul_packed: NaN and infinities stay in their row of x, and of weights", E, ELEMENTS) {
    for (const Format& f : packed_formats())
        for (double bad : { oracle::QNAN, oracle::INF, -oracle::INF })
            for (bool weights : { false, true }) {
                Rng rng(77);
                Case<E> c(rng, f.type, 3, 19, 2, Input::gaussian);
                if (weights) quant::put_half(f, c.blocks.data() + 15 * gllm::row_bytes(f.type, 256), 0, bad != bad ? 0x7e00 : bad > 0 ? 0x7c00 : 0xfc00);
                else         c.x[c.k + 300] = round_to<E>(bad);
                c.renew();
                for (Precision p : PRECISIONS) {
                    oracle::Want want = quant::promised(c.want, p, c.k);
                    const auto spoilt = [&](size_t i, size_t j) { return weights ? j == 7 : i == 1; };
                    for (size_t i = 0; i < c.m * c.n; i++) if (spoilt(i / c.n, i % c.n)) want.value[i] = 0, want.bound[i] = oracle::INF;
                    check_with<E>("matmul_packed", c.name() + (weights ? " bad scale" : " bad input"), c.m * c.n,
                        [&](const CpuKernels<E>& k, E* out) { expect_ok(c.run(k, out, p)); },
                        [&](const E* out) -> std::string {
                            std::vector<E> rest(out, out + c.m * c.n);
                            for (size_t i = 0; i < c.m * c.n; i++) {
                                if (!spoilt(i / c.n, i % c.n)) continue;
                                if (std::isfinite(oracle::value(rest[i]))) return "hidden at " + std::to_string(i);
                                rest[i] = E{};
                            }
                            return compare(rest.data(), want);
                        });
                }
            }
}

// ---- threads, addresses, scratch --------------------------------------------

namespace {
void run_backwards(void*, unsigned tasks, void (*task)(void*, unsigned), void* arg) { while (tasks--) task(arg, tasks); }
}

TEST_CASE_TEMPLATE("matmul_packed: the same bits whatever the threads, the address and the scratch", E, ELEMENTS) {
    for (const Format& f : packed_formats())
        for (size_t m : Sizes{ 1, 4, 16, 20 })
            for (size_t n : Sizes{ 3, 100, 1060 }) {
                Rng rng(m * n);
                const Case<E> c(rng, f.type, m, n, n > 1000 ? 1 : 5, m == 4 ? Input::mixed : Input::gaussian);
                for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
                    if (!has_form(plain, f.type)) return;
                    TEST_INFO("matmul_packed", isa, E, c.name());
                    std::vector<E> want(m * n);
                    expect_ok(c.run(plain, want.data(), Precision::exact));
                    const size_t bytes = plain.packed_weights_bytes(f.type, n, c.k);
                    for (unsigned width : { 1u, 2u, 3u, 7u }) {
                        CpuKernels<E> k = plain;
                        if (width > 1) k.parallel.width = width, k.parallel.run = run_backwards;
                        const size_t shift = rng.below(64), room = k.matmul_packed_workspace_bytes(f.type, m, n, c.k);
                        std::vector<uint8_t> at(bytes + 128, 0xa7), copy(bytes + 128), space(room + 128, 0xa7);
                        expect_ok(k.pack_weights(f.type, c.blocks.data(), at.data() + shift, n, c.k));
                        for (size_t i = 0; i < shift; i++) CHECK(at[i] == 0xa7);
                        for (size_t i = shift + bytes; i < at.size(); i++) CHECK(at[i] == 0xa7);
                        const size_t other = rng.below(64);
                        std::memcpy(copy.data() + other, at.data() + shift, bytes);
                        k.workspace = { space.data() + shift, room };
                        const long before = allocations_ever();
                        Fenced<E> out(m * n, 1);
                        expect_ok(k.matmul_packed(copy.data() + other, c.x.data(), out.data(), m, n, c.k));
                        CHECK(allocations_ever() == before);
                        for (size_t i = 0; i < shift; i++) CHECK(space[i] == 0xa7);
                        for (size_t i = shift + room; i < space.size(); i++) CHECK(space[i] == 0xa7);
                        const std::string bits = differ(static_cast<const E*>(out.data()), want.data(), m * n), broken = out.broken();
                        CHECK_MESSAGE(bits.empty(), bits);
                        CHECK_MESSAGE(broken.empty(), broken);

                        k.workspace = { space.data(), 1 };
                        check_refused<E>("a workspace of one byte", m * n, Code::out_of_memory, [&](E* y) {
                            return k.matmul_packed(copy.data() + other, c.x.data(), y, m, n, c.k);
                        });
                        k.workspace = {};
                        for (long count : { 0L, 1L }) {
                            fail_allocations_after(count);
                            Fenced<E> y(m * n, 1);
                            const Status s = k.matmul_packed(copy.data() + other, c.x.data(), y.data(), m, n, c.k);
                            fail_allocations(false);
                            CHECK((s ? count == 1 : s.code == Code::out_of_memory && y.untouched()));
                            CHECK(allocations() == 0);
                        }
                    }
                });
            }
}

// ---- inputs prepared ahead ----------------------------------------------------

TEST_CASE_TEMPLATE("matmul_packed_prepared: the bits of matmul_packed, whatever the input was prepared for, by whom", E, ELEMENTS) {
    gllm::ThreadPool three(3);
    const QuantType by_rows[] = { QuantType::Q4_K, QuantType::Q5_K, QuantType::Q8_0 };
    for (const Format& f : packed_formats())
        for (size_t m : Sizes{ 1, 5, 16, 17 })
            for (Input input : { Input::gaussian, Input::mixed }) {
                Rng rng(uint64_t(f.type) + 8000 + m);
                const Case<E> c(rng, f.type, m, rng.below(2) ? 35 : 3, 3, input);
                for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
                    if (!has_form(k, f.type)) return;
                    std::vector<uint8_t> packed(k.packed_weights_bytes(f.type, c.n, c.k));
                    expect_ok(k.pack_weights(f.type, c.blocks.data(), packed.data(), c.n, c.k));
                    for (int way = 0; way < 7; way++)
                        for (Precision p : PRECISIONS) {
                            const QuantType type = way < 4 ? packed_formats()[size_t(way) % packed_formats().size()].type : by_rows[way - 4];
                            TEST_INFO("matmul_packed_prepared", isa, E, c.name() << precision_name(p) << (way < 4 ? " packed for " : " prepared for ")
                                      << quant::format(type).name);
                            const size_t bytes = way < 4 ? k.prepared_packed_bytes(type, m, c.k, p) : k.prepared_bytes(type, m, c.k, p);
                            const size_t skip = rng.below(64);
                            Guarded<uint8_t> prepared(bytes + skip);
                            k.parallel = way % 2 ? three.parallel() : gllm::Parallel();
                            expect_ok(way < 4 ? k.prepare_packed(type, c.x.data(), m, c.k, prepared.data() + skip, p)
                                              : k.prepare(type, c.x.data(), m, c.k, prepared.data() + skip, p));
                            std::vector<E> want(m * c.n), plain(m * c.n);
                            Fenced<E> got(m * c.n, 1), rows(m * c.n, 1);
                            expect_ok(k.matmul_packed(packed.data(), c.x.data(), want.data(), m, c.n, c.k, p));
                            expect_ok(k.matmul(f.type, c.blocks.data(), c.x.data(), plain.data(), m, c.n, c.k, p));
                            expect_ok(k.matmul_packed_prepared(packed.data(), c.x.data(), prepared.data() + skip, got.data(), m, c.n, c.k, p));
                            expect_ok(k.matmul_prepared(f.type, c.blocks.data(), c.x.data(), prepared.data() + skip, rows.data(), m, c.n, c.k, p));
                            const std::string wrong = differ(got.data(), want.data(), m * c.n) + got.broken();
                            CHECK_MESSAGE(wrong.empty(), wrong);
                            const std::string other = differ(rows.data(), plain.data(), m * c.n) + rows.broken();
                            CHECK_MESSAGE(other.empty(), other);
                        }
                    CHECK(allocations() == 0);
                });
            }
}

TEST_CASE_TEMPLATE("matmul_packed_prepared takes x from the buffer", E, ELEMENTS) {        // or preparing would save nothing
    for (const Format& f : packed_formats())
        for (size_t m : Sizes{ 1, 3, 16 }) {
            Rng rng(m);
            const Case<E> c(rng, f.type, m, 40, 2, Input::gaussian), other(rng, f.type, m, 40, 2, Input::gaussian);
            for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
                if (!has_form(k, f.type)) return;
                TEST_INFO("matmul_packed_prepared", isa, E, c.name());
                std::vector<uint8_t> packed(k.packed_weights_bytes(f.type, c.n, c.k)), prepared(k.prepared_packed_bytes(f.type, m, c.k));
                expect_ok(k.pack_weights(f.type, c.blocks.data(), packed.data(), c.n, c.k));
                expect_ok(k.prepare_packed(f.type, c.x.data(), m, c.k, prepared.data()));
                std::vector<E> want(m * c.n), got(m * c.n);
                expect_ok(c.run(k, want.data(), Precision::exact));
                std::vector<uint8_t> space(k.matmul_packed_workspace_bytes(f.type, m, c.n, c.k));
                k.workspace = { space.data(), space.size() };
                const long before = allocations_ever();
                expect_ok(k.matmul_packed_prepared(packed.data(), other.x.data(), prepared.data(), got.data(), m, c.n, c.k));
                CHECK(allocations_ever() == before);
                const std::string wrong = differ(got.data(), want.data(), m * c.n);
                CHECK_MESSAGE(wrong.empty(), wrong);
            });
        }
}

TEST_CASE_TEMPLATE("prepare_packed and matmul_packed_prepared: what must be refused", E, ELEMENTS) {
    const size_t m = 2, n = 20, huge = SIZE_MAX / 2 + 1;
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("matmul_packed_prepared", isa, E, "refusals");
        Rng rng(3);
        const Case<E> c(rng, QuantType::Q4_K, m, n, 2, Input::gaussian);
        std::vector<uint8_t> room(64);
        if (!has_form(k, c.type)) {
            CHECK(k.prepared_packed_bytes(c.type, m, c.k) == 0);
            CHECK(k.prepare_packed(c.type, c.x.data(), m, c.k, room.data()).code == Code::unsupported);
            return;
        }
        const size_t bytes = k.prepared_packed_bytes(c.type, m, c.k);
        std::vector<uint8_t> packed(k.packed_weights_bytes(c.type, n, c.k)), prepared(bytes + 64);
        expect_ok(k.pack_weights(c.type, c.blocks.data(), packed.data(), n, c.k));
        expect_ok(k.prepare_packed(c.type, c.x.data(), m, c.k, prepared.data()));
        const auto refuse = [&](const char* what, const void* from, const void* x, size_t rows, size_t length, Precision p) {
            check_refused<E>(what, rows * n, Code::invalid_argument,
                             [&](E* out) { return k.matmul_packed_prepared(from, c.x.data(), x, out, rows, n, length, p); });
        };
        refuse("null", packed.data(), nullptr, m, c.k, Precision::exact);
        refuse("another m", packed.data(), prepared.data(), m - 1, c.k, Precision::exact);
        refuse("another precision", packed.data(), prepared.data(), m, c.k, Precision::fast);
        refuse("no precision", packed.data(), prepared.data(), m, c.k, static_cast<Precision>(7));
        refuse("null weights", nullptr, prepared.data(), m, c.k, Precision::exact);
        refuse("weights for an input", packed.data(), packed.data(), m, c.k, Precision::exact);
        std::vector<uint8_t> moved(bytes + 64);
        std::memcpy(moved.data() + (reinterpret_cast<uintptr_t>(moved.data()) % 64 == reinterpret_cast<uintptr_t>(prepared.data()) % 64),
                    prepared.data(), bytes);
        refuse("moved", packed.data(), moved.data() + (reinterpret_cast<uintptr_t>(moved.data()) % 64 == reinterpret_cast<uintptr_t>(prepared.data()) % 64),
               m, c.k, Precision::exact);
        std::vector<uint8_t> shorter(k.prepared_packed_bytes(c.type, m, 256));
        expect_ok(k.prepare_packed(c.type, c.x.data(), m, 256, shorter.data()));
        refuse("another k", packed.data(), shorter.data(), m, c.k, Precision::exact);
        CHECK(k.matmul_packed_prepared(packed.data(), c.x.data(), prepared.data(), reinterpret_cast<E*>(prepared.data() + bytes / 2 / 64 * 64), 1,
                                       n, c.k).code == Code::invalid_argument);

        CHECK(k.prepared_packed_bytes(c.type, huge, 256) == 0);
        CHECK(k.prepared_packed_bytes(c.type, 1, c.k + 1) == 0);
        CHECK(k.prepared_packed_bytes(QuantType::Q8_0, 1, 96) == 0);
        CHECK(k.prepared_packed_bytes(QuantType::Q8_K, 1, c.k) == 0);
        CHECK(k.prepared_packed_bytes(static_cast<QuantType>(200), 1, c.k) == 0);
        CHECK(k.prepared_packed_bytes(c.type, 1, c.k, static_cast<Precision>(7)) == 0);
        Fenced<uint8_t> buffer(bytes);
        CHECK(k.prepare_packed(c.type, static_cast<const E*>(nullptr), m, c.k, buffer.data()).code == Code::invalid_argument);
        CHECK(k.prepare_packed(c.type, c.x.data(), m, c.k + 1, buffer.data()).code == Code::invalid_argument);
        CHECK(k.prepare_packed(c.type, c.x.data(), huge, c.k, buffer.data()).code == Code::invalid_argument);
        CHECK(k.prepare_packed(c.type, c.x.data(), m, c.k, nullptr).code == Code::invalid_argument);
        CHECK(k.prepare_packed(c.type, c.x.data(), m, c.k, buffer.data(), static_cast<Precision>(7)).code == Code::invalid_argument);
        CHECK(k.prepare_packed(QuantType::Q8_K, c.x.data(), m, c.k, buffer.data()).code == Code::unsupported);
        CHECK(buffer.untouched());
        if (!std::is_same<E, float>::value) {                   // rows to be widened need memory
            CpuKernels<E> poor = k;
            uint8_t       byte = 0;
            poor.workspace = { &byte, 1 };
            CHECK(poor.prepare_packed(c.type, c.x.data(), m, c.k, buffer.data()).code == Code::out_of_memory);
            CHECK(buffer.untouched());
        }
    });
}

// ---- wrong arguments --------------------------------------------------------

TEST_CASE_TEMPLATE("matmul_packed, pack_weights: wrong arguments", E, ELEMENTS) {
    const size_t m = 2, n = 20, k = 512, huge = ~size_t(0) / 4;
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        TEST_INFO("matmul_packed", isa, E, "");
        if (!has_form(kernels, QuantType::Q4_K)) return;
        Rng rng(1);
        Case<E> c(rng, QuantType::Q4_K, m, n, 2, Input::gaussian);
        const size_t bytes = kernels.packed_weights_bytes(c.type, n, k);
        std::vector<uint8_t> packed(bytes);
        const auto packing = [&](const char* what, Code code, QuantType type, const void* blocks, size_t rows, size_t length) {
            check_refused<uint8_t>(what, bytes, code, [&](uint8_t* out) { return kernels.pack_weights(type, blocks, out, rows, length); });
        };
        packing("no type", Code::invalid_argument, QuantType(200), c.blocks.data(), n, k);
        packing("no form", Code::unsupported, QuantType::Q8_K, c.blocks.data(), n, k);
        packing("half a block", Code::invalid_argument, c.type, c.blocks.data(), n, k + 128);
        packing("null blocks", Code::invalid_argument, c.type, nullptr, n, k);
        packing("huge n", Code::invalid_argument, c.type, c.blocks.data(), huge, k);
        packing("huge k", Code::invalid_argument, c.type, c.blocks.data(), n, huge / 256 * 256);
        CHECK(int(kernels.pack_weights(c.type, c.blocks.data(), nullptr, n, k).code) == int(Code::invalid_argument));
        CHECK(int(kernels.pack_weights(c.type, c.blocks.data(), c.blocks.data() + 1, 1, 256).code) == int(Code::invalid_argument));
        CHECK(kernels.packed_weights_bytes(QuantType(200), n, k) == 0);
        CHECK(kernels.packed_weights_bytes(c.type, huge, k) == 0);
        CHECK(kernels.packed_weights_bytes(c.type, n, huge / 256 * 256) == 0);
        CHECK(kernels.packed_weights_bytes(c.type, n, k + 128) == 0);
        CHECK(kernels.matmul_packed_workspace_bytes(QuantType::Q8_K, m, n, k) == 0);
        CHECK(kernels.matmul_packed_workspace_bytes(c.type, huge, n, k) == 0);

        expect_ok(kernels.pack_weights(c.type, c.blocks.data(), packed.data(), n, k));
        const auto product = [&](const char* what, const void* from, const E* x, size_t rows, size_t cols, size_t length, Precision p) {
            check_refused<E>(what, m * n, Code::invalid_argument, [&](E* out) { return kernels.matmul_packed(from, x, out, rows, cols, length, p); });
        };
        const Precision exact = Precision::exact;
        product("precision", packed.data(), c.x.data(), m, n, k, Precision(9));
        product("null weights", nullptr, c.x.data(), m, n, k, exact);
        product("null input", packed.data(), nullptr, m, n, k, exact);
        product("other n", packed.data(), c.x.data(), m, n - 1, k, exact);
        product("other k", packed.data(), c.x.data(), m, n, k - 256, exact);
        product("huge m", packed.data(), c.x.data(), huge, n, k, exact);
        CHECK(int(kernels.matmul_packed(packed.data(), c.x.data(), nullptr, m, n, k).code) == int(Code::invalid_argument));
        CHECK(int(kernels.matmul_packed(packed.data(), c.x.data(), c.x.data() + 1, 1, n, k).code) == int(Code::invalid_argument));
        CHECK(int(kernels.matmul_packed(packed.data(), c.x.data(), reinterpret_cast<E*>(packed.data() + bytes - 8), 1, n, k).code) == int(Code::invalid_argument));
        for (size_t at = 0; at < 48; at++) {                    // a tag with a byte that is another, but for what it does not use
            const bool unused = at == 9 || (at >= 11 && at < 13) || at == 14 || at >= 40;
            if (unused || at == 10) continue;
            std::vector<uint8_t> spoilt = packed;
            spoilt[at] ^= 0x40;
            product(("byte " + std::to_string(at)).c_str(), spoilt.data(), c.x.data(), m, n, k, exact);
        }
        std::vector<E> b(n * 8);                                // and what pack_b has made
        std::vector<uint8_t> dense(kernels.packed_b_bytes(n, 8));
        expect_ok(kernels.pack_b(b.data(), n, 8, dense.data()));
        product("a buffer of pack_b", dense.data(), c.x.data(), m, n, 8, exact);
        check_refused<E>("weights as a matrix", m * n, Code::invalid_argument, [&](E* out) { return kernels.gemm_prepacked(c.x.data(), packed.data(), out, m, n, k); });

        CpuKernels<E> scalar = kernels;
        expect_ok(scalar.select(gllm::Isa::scalar));
        check_refused<E>("another instruction set", m * n, Code::invalid_argument, [&](E* out) { return scalar.matmul_packed(packed.data(), c.x.data(), out, m, n, k); });
    });
}

TEST_CASE_TEMPLATE("matmul_packed: nothing", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("matmul_packed", isa, E, "");
        if (!has_form(k, QuantType::Q4_K)) return;
        std::vector<uint8_t> packed(k.packed_weights_bytes(QuantType::Q4_K, 5, 0)), none(k.packed_weights_bytes(QuantType::Q4_K, 0, 256));
        std::vector<E> x(256), y(10, round_to<E>(3));
        expect_ok(k.pack_weights(QuantType::Q4_K, nullptr, packed.data(), 5, 0));
        expect_ok(k.matmul_packed(packed.data(), x.data(), y.data(), 2, 5, 0));
        for (E v : y) CHECK(oracle::value(v) == 0);
        expect_ok(k.pack_weights(QuantType::Q4_K, nullptr, none.data(), 0, 256));
        expect_ok(k.matmul_packed(none.data(), x.data(), static_cast<E*>(nullptr), 1, 0, 256));
        expect_ok(k.matmul_packed(none.data(), static_cast<const E*>(nullptr), static_cast<E*>(nullptr), 0, 0, 256));
    });
}
