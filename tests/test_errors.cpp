// What the quantised operations must refuse: catches an argument that is believed, a size that wraps, a message that misleads, an
// output that is written before the last check, and refusals of calls that are right. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quant_oracle.hpp"

using namespace test;
using gllm::Code;
using gllm::CpuKernels;
using gllm::GptqZeros;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;
using quant::Bytes;
using quant::Format;
using quant::formats;

inline void expect_ok(Status s) { CHECK_MESSAGE(s, "refused: " << std::string(s.what)); }

/// Sizes that overflow when multiplied with anything, each a multiple of 512.
constexpr size_t HUGE_SIZES[] = { SIZE_MAX / 2 / 512 * 512, SIZE_MAX / 512 * 512, size_t(1) << (8 * sizeof(size_t) - 1) };

/// call(out) must be refused as an invalid argument, twice with the same static text, and write nothing into n elements of out.
template <class T, class Call> void bad(const char* what, size_t n, Call call) {
    check_refused<T>(what, n, Code::invalid_argument, call);
    Fenced<T> out(n);
    const char* const first = call(out.data()).what;
    CHECK(first == call(out.data()).what);
}

/// An output of `count` T that shares bytes with an input of these contents is refused and harms nothing; one that touches it is fine.
/// call(in, out).
template <class T, class Call> void check_overlap(const char* what, const Bytes& in, size_t count, Call call) {
    INFO(what << ", overlapping");
    const size_t bytes = count * sizeof(T), round = (in.size() + 63) / 64 * 64, at = (bytes + 63) / 64 * 64 + 64;
    std::vector<uint64_t> store((at + round + bytes + 128) / 8 + 8);
    uint8_t* base = reinterpret_cast<uint8_t*>(store.data());
    base += (64 - reinterpret_cast<uintptr_t>(base) % 64) % 64;
    const auto fill = [&] {
        std::memset(base, 0xff, at + round + bytes + 64);
        std::memcpy(base + at, in.data(), in.size());
    };
    fill();
    const Bytes before(base, base + at + round + bytes + 64);
    const size_t last = (in.size() - 1) / sizeof(T) * sizeof(T), middle = in.size() / 2 / sizeof(T) * sizeof(T);
    for (size_t from : { at - bytes + sizeof(T), at - bytes / 2 / sizeof(T) * sizeof(T), at, at + middle, at + last }) {
        const Status s = call(static_cast<const void*>(base + at), reinterpret_cast<T*>(base + from));
        CHECK_MESSAGE(int(s.code) == int(Code::invalid_argument),
            "output " << (long(from) - long(at)) << " bytes behind the beginning of an input of " << in.size());
        CHECK((s.what && *s.what));
        CHECK(std::memcmp(before.data(), base, before.size()) == 0);
        fill();
    }
    for (size_t from : { at - bytes, at + (in.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T) }) {
        expect_ok(call(static_cast<const void*>(base + at), reinterpret_cast<T*>(base + from)));
        fill();
    }
}

template <class T> Bytes bytes_of(const std::vector<T>& v) {
    Bytes b(v.size() * sizeof(T));
    std::memcpy(b.data(), v.data(), b.size());
    return b;
}

// ---- dequant ----------------------------------------------------------------

TEST_CASE_TEMPLATE("dequant: what must be refused", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        for (const Format& f : formats()) {
            TEST_INFO("dequant", isa, E, f.name);
            Rng rng(1);
            const Bytes blocks = quant::make_rows(rng, f.type, 1, 2 * f.weights);
            const size_t n = 2 * f.weights;
            bad<float>("blocks null", n, [&](float* out) { return k.dequant(f.type, nullptr, out, n); });
            bad<float>("out null", n, [&](float*) { return k.dequant(f.type, blocks.data(), nullptr, n); });
            for (size_t ragged : { size_t(1), f.weights - 1, f.weights + 1, n - 1 })
                bad<float>("part of a block", n, [&](float* out) { return k.dequant(f.type, blocks.data(), out, ragged); });
            for (size_t huge : HUGE_SIZES)
                bad<float>("too large", n, [&](float* out) { return k.dequant(f.type, blocks.data(), out, huge); });
            check_overlap<float>("dequant", blocks, n, [&](const void* in, float* out) { return k.dequant(f.type, in, out, n); });
        }
        TEST_INFO("dequant", isa, E, "no type");
        const Bytes blocks(600);
        for (int type : { gllm::quant_type_count, gllm::quant_type_count + 1, 128, 255 })
            bad<float>("no type", 256,
                [&](float* out) { return k.dequant(static_cast<QuantType>(type), blocks.data(), out, 256); });
    });
}

// ---- format products --------------------------------------------------------

TEST_CASE_TEMPLATE("matmul: what must be refused", E, ELEMENTS) {
    const size_t m = 3, n = 5;
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        for (const Format& f : formats()) {
            TEST_INFO("matmul", isa, E, f.name);
            Rng rng(2);
            const size_t k = f.weights;
            const QuantType t = f.type;
            const Bytes  w = quant::make_rows(rng, t, n, k);
            const std::vector<E> x = draw<E>(rng, m * k);
            const auto   wrong = [&](const char* what, auto call) { bad<E>(what, m * n, call); };

            wrong("blocks null", [&](E* y) { return kernels.matmul(t, nullptr, x.data(), y, m, n, k); });
            wrong("input null", [&](E* y) { return kernels.matmul(t, w.data(), nullptr, y, m, n, k); });
            wrong("output null", [&](E*) { return kernels.matmul(t, w.data(), x.data(), nullptr, m, n, k); });
            wrong("output null, k = 0", [&](E*) { return kernels.matmul(t, w.data(), x.data(), nullptr, m, n, 0); });
            for (int precision : { 2, 9, 255 })
                wrong("no precision",
                    [&](E* y) { return kernels.matmul(t, w.data(), x.data(), y, m, n, k, static_cast<Precision>(precision)); });
            for (size_t ragged : { size_t(1), k - 1, k + 1, 2 * k - 1 }) {
                wrong("part of a block", [&](E* y) { return kernels.matmul(t, w.data(), x.data(), y, m, n, ragged); });
                Fenced<E> y(m * n);
                const Status s = kernels.matmul(t, w.data(), x.data(), y.data(), m, n, ragged);
                CHECK(std::string(s.what) == "k must be a multiple of " + std::to_string(f.weights) + " for " + f.name);
            }
            for (size_t huge : HUGE_SIZES) {
                wrong("m too large", [&](E* y) { return kernels.matmul(t, w.data(), x.data(), y, huge, n, k); });
                wrong("n too large", [&](E* y) { return kernels.matmul(t, w.data(), x.data(), y, m, huge, k); });
                wrong("k too large", [&](E* y) { return kernels.matmul(t, w.data(), x.data(), y, m, n, huge); });
                wrong("m n too large", [&](E* y) { return kernels.matmul(t, w.data(), x.data(), y, huge, n, 0); });
            }
            for (size_t rows : Sizes{ 1, 3 }) {                 // both routes through the products
                check_overlap<E>("matmul: output, weights", w, rows * n,
                                 [&](const void* in, E* y) { return kernels.matmul(t, in, x.data(), y, rows, n, k); });
                check_overlap<E>("matmul: output, input", bytes_of(std::vector<E>(x.begin(), x.begin() + long(rows * k))), rows * n,
                                 [&](const void* in, E* y) {
                return kernels.matmul(t, w.data(), static_cast<const E*>(in), y, rows, n, k);
            });
            }
            if (!quant::is_kquant(t)) wrong("not a K-quant",
                [&](E* y) { return kernels.kquant_matmul(w.data(), x.data(), y, t, m, n, k); });
            if (!quant::is_iq(t)) wrong("not an IQ", [&](E* y) { return kernels.iq_matmul(w.data(), x.data(), y, t, m, n, k); });
        }
        TEST_INFO("matmul", isa, E, "no type");
        const Bytes w(n * 300);
        const std::vector<E> x(m * 256);
        for (int no : { gllm::quant_type_count, gllm::quant_type_count + 1, 128, 255 }) {
            const auto type = static_cast<QuantType>(no);
            bad<E>("matmul", m * n, [&](E* y) { return kernels.matmul(type, w.data(), x.data(), y, m, n, 256); });
            bad<E>("kquant_matmul", m * n, [&](E* y) { return kernels.kquant_matmul(w.data(), x.data(), y, type, m, n, 256); });
            bad<E>("iq_matmul", m * n, [&](E* y) { return kernels.iq_matmul(w.data(), x.data(), y, type, m, n, 256); });
        }
        bad<E>("squeeze_matmul, part of a block", m * n,
            [&](E* y) { return kernels.squeeze_matmul(w.data(), x.data(), y, m, n, 255); });
        bad<E>("squeeze_matmul, blocks null", m * n, [&](E* y) { return kernels.squeeze_matmul(nullptr, x.data(), y, m, n, 256); });
    });
}

// ---- plain products ---------------------------------------------------------

TEST_CASE_TEMPLATE("gemm_q8, gemm_q4: what must be refused", E, ELEMENTS) {
    const size_t m = 3, n = 5, k = 37;
    Rng rng(3);
    const Bytes codes(n * k, 0x3c);
    const std::vector<E> x = draw<E>(rng, m * k), scales = draw<E>(rng, n);
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        for (int width : { 8, 4 }) {
            TEST_INFO((width == 8 ? "gemm_q8" : "gemm_q4"), isa, E, "refusals");
            const auto gemm = [&](const void* w, const E* in, E* y, const E* s, size_t m_, size_t n_, size_t k_) {
                return width == 8 ? kernels.gemm_q8(w, in, y, s, m_, n_, k_) : kernels.gemm_q4(w, in, y, s, m_, n_, k_);
            };
            const auto wrong = [&](const char* what, auto call) { bad<E>(what, m * n, call); };
            wrong("precision", [&](E* y) { return kernels.gemm_q8(codes.data(), x.data(), y, scales.data(), m, n, k, Precision(2)); });
            wrong("weight null", [&](E* y) { return gemm(nullptr, x.data(), y, scales.data(), m, n, k); });
            wrong("input null", [&](E* y) { return gemm(codes.data(), nullptr, y, scales.data(), m, n, k); });
            wrong("output null", [&](E*) { return gemm(codes.data(), x.data(), nullptr, scales.data(), m, n, k); });
            wrong("scales null", [&](E* y) { return gemm(codes.data(), x.data(), y, nullptr, m, n, k); });
            for (size_t huge : HUGE_SIZES) {
                wrong("m too large", [&](E* y) { return gemm(codes.data(), x.data(), y, scales.data(), huge, n, k); });
                wrong("n too large", [&](E* y) { return gemm(codes.data(), x.data(), y, scales.data(), m, huge, k); });
                wrong("k too large", [&](E* y) { return gemm(codes.data(), x.data(), y, scales.data(), m, n, huge); });
                wrong("m n too large", [&](E* y) { return gemm(codes.data(), x.data(), y, scales.data(), huge, n, 0); });
            }
            const size_t row = quant::plain_row_bytes(width, k);
            check_overlap<E>("output, weight", Bytes(codes.begin(), codes.begin() + long(n * row)), m * n,
                             [&](const void* in, E* y) { return gemm(in, x.data(), y, scales.data(), m, n, k); });
            check_overlap<E>("output, input", bytes_of(x), m * n,
                             [&](const void* in, E* y) {
                return gemm(codes.data(), static_cast<const E*>(in), y, scales.data(), m, n, k);
            });
            check_overlap<E>("output, scales", bytes_of(scales), m * n,
                             [&](const void* in, E* y) {
                return gemm(codes.data(), x.data(), y, static_cast<const E*>(in), m, n, k);
            });
        }
    });
}

// ---- checkpoints ------------------------------------------------------------

/// Words and scales large enough for n = 16, k = 64, group = 32 in either layout.
struct Words {
    static constexpr size_t n = 16, k = 64, group = 32, groups = 2;
    Bytes qweight, qzeros, scales;
    Words() : qweight(k * n / 2, 0x5b), qzeros(groups * n / 2, 0x77), scales(groups * n * 2, 0x20) {}
};

TEST_CASE_TEMPLATE("AWQ: what must be refused", E, ELEMENTS) {
    const Words t;
    const size_t m = 3, n = t.n, k = t.k, g = t.group;
    const void *const q = t.qweight.data(), *const z = t.qzeros.data(), *const s = t.scales.data(), *const null = nullptr;
    Rng rng(4);
    const std::vector<E> x = draw<E>(rng, m * k);
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        TEST_INFO("AWQ", isa, E, "refusals");
        const auto both = [&](const char* what, const void* q_, const void* z_, const void* s_, size_t n_, size_t k_, size_t g_) {
            bad<float>(what, n * k, [&](float* out) { return kernels.dequant_awq4(q_, z_, s_, out, n_, k_, g_); });
            bad<E>(what, m * n, [&](E* y) { return kernels.awq_matmul(q_, z_, s_, x.data(), y, m, n_, k_, g_); });
        };
        both("qweight null", null, z, s, n, k, g);
        both("qzeros null", q, null, s, n, k, g);
        both("scales null", q, z, null, n, k, g);
        both("group 0", q, z, s, n, k, 0);
        both("group too large", q, z, s, n, k, 65);
        for (size_t no : Sizes{ 3, 24, 33, 63, 128, SIZE_MAX }) both("k not a multiple of group", q, z, s, n, k, no);
        for (size_t no : Sizes{ 1, 4, 7, 9, 15 }) both("n not a multiple of 8", q, z, s, no, k, g);
        for (size_t huge : HUGE_SIZES) both("n too large", q, z, s, huge, k, g), both("k too large", q, z, s, n, huge, g);
        bad<float>("out null", 1, [&](float*) { return kernels.dequant_awq4(q, z, s, nullptr, n, k, g); });
        bad<E>("input null", m * n, [&](E* y) { return kernels.awq_matmul(q, z, s, nullptr, y, m, n, k, g); });
        bad<E>("output null", 1, [&](E*) { return kernels.awq_matmul(q, z, s, x.data(), nullptr, m, n, k, g); });
        for (size_t huge : HUGE_SIZES) bad<E>("m too large", m * n,
            [&](E* y) { return kernels.awq_matmul(q, z, s, x.data(), y, huge, n, k, g); });
        check_overlap<float>("qweight", t.qweight, n * k,
            [&](const void* in, float* out) { return kernels.dequant_awq4(in, z, s, out, n, k, g); });
        check_overlap<float>("qzeros", t.qzeros, n * k,
            [&](const void* in, float* out) { return kernels.dequant_awq4(q, in, s, out, n, k, g); });
        check_overlap<float>("scales", t.scales, n * k,
            [&](const void* in, float* out) { return kernels.dequant_awq4(q, z, in, out, n, k, g); });
        check_overlap<E>("qweight", t.qweight, m * n,
            [&](const void* in, E* y) { return kernels.awq_matmul(in, z, s, x.data(), y, m, n, k, g); });
        check_overlap<E>("qzeros", t.qzeros, m * n,
            [&](const void* in, E* y) { return kernels.awq_matmul(q, in, s, x.data(), y, m, n, k, g); });
        check_overlap<E>("scales", t.scales, m * n,
            [&](const void* in, E* y) { return kernels.awq_matmul(q, z, in, x.data(), y, m, n, k, g); });
        check_overlap<E>("input", bytes_of(x), m * n,
                         [&](const void* in, E* y) {
                return kernels.awq_matmul(q, z, s, static_cast<const E*>(in), y, m, n, k, g);
            });
    });
}

TEST_CASE_TEMPLATE("GPTQ: what must be refused", E, ELEMENTS) {
    const Words t;
    const size_t m = 3, n = t.n, k = t.k, g = t.group;
    const void *const q = t.qweight.data(), *const z = t.qzeros.data(), *const s = t.scales.data(), *const null = nullptr;
    std::vector<int32_t> idx(k);
    for (size_t i = 0; i < k; i++) idx[i] = int32_t(i % 2);
    Rng rng(5);
    const std::vector<E> x = draw<E>(rng, m * k);
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        TEST_INFO("GPTQ", isa, E, "refusals");
        const auto both = [&](const char* what, const void* q_, const void* z_, const void* s_, const int32_t* i_, size_t n_,
            size_t k_, size_t g_,
                              GptqZeros zeros) {
            bad<float>(what, n * k, [&](float* out) { return kernels.dequant_gptq4(q_, z_, s_, i_, out, n_, k_, g_, zeros); });
            bad<E>(what, m * n, [&](E* y) { return kernels.gptq_matmul(q_, z_, s_, i_, x.data(), y, m, n_, k_, g_, zeros); });
        };
        for (GptqZeros zeros : { GptqZeros::v1, GptqZeros::v2 }) {
            both("qweight null", null, z, s, nullptr, n, k, g, zeros);
            both("qzeros null", q, null, s, nullptr, n, k, g, zeros);
            both("scales null", q, z, null, nullptr, n, k, g, zeros);
        }
        both("symmetric, qweight null", null, nullptr, s, nullptr, n, k, g, GptqZeros::symmetric);
        both("symmetric, scales null", q, nullptr, null, nullptr, n, k, g, GptqZeros::symmetric);
        both("zeros unknown", q, z, s, nullptr, n, k, g, GptqZeros::unknown);
        for (int no : { 4, 9, 255 }) both("no zeros", q, z, s, nullptr, n, k, g, static_cast<GptqZeros>(no));
        both("group 0", q, z, s, nullptr, n, k, 0, GptqZeros::v1);
        both("group 0, symmetric", q, nullptr, s, idx.data(), n, k, 0, GptqZeros::symmetric);
        for (size_t no : Sizes{ 1, 4, 7, 9, 15 }) both("n not a multiple of 8", q, z, s, nullptr, no, k, g, GptqZeros::v2);
        for (size_t no : Sizes{ 1, 7, 33, 63 })   both("k not a multiple of 8", q, z, s, nullptr, n, no, g, GptqZeros::v2);
        for (size_t huge : HUGE_SIZES)
            both("n too large", q, z, s, nullptr, huge, k, g, GptqZeros::v2),
            both("k too large", q, z, s, nullptr, n, huge, g, GptqZeros::v2);
        for (int32_t no : { 2, 3, -1, -2, INT32_MAX, INT32_MIN })
            for (size_t at : Sizes{ 0, 31, k - 1 }) {
                std::vector<int32_t> wrong = idx;
                wrong[at] = no;
                for (GptqZeros zeros : { GptqZeros::v1, GptqZeros::symmetric })
                    both("g_idx out of range", q, z, s, wrong.data(), n, k, g, zeros);
            }
        const GptqZeros v2 = GptqZeros::v2;
        bad<float>("out null", 1, [&](float*) { return kernels.dequant_gptq4(q, z, s, idx.data(), nullptr, n, k, g, v2); });
        bad<E>("input null", m * n, [&](E* y) { return kernels.gptq_matmul(q, z, s, nullptr, nullptr, y, m, n, k, g, v2); });
        bad<E>("output null", 1, [&](E*) { return kernels.gptq_matmul(q, z, s, nullptr, x.data(), nullptr, m, n, k, g, v2); });
        for (size_t huge : HUGE_SIZES)
            bad<E>("m too large", m * n,
                [&](E* y) { return kernels.gptq_matmul(q, z, s, nullptr, x.data(), y, huge, n, k, g, v2); });
        check_overlap<float>("qweight", t.qweight, n * k,
            [&](const void* in, float* out) { return kernels.dequant_gptq4(in, z, s, nullptr, out, n, k, g, v2); });
        check_overlap<float>("qzeros", t.qzeros, n * k,
            [&](const void* in, float* out) { return kernels.dequant_gptq4(q, in, s, nullptr, out, n, k, g, v2); });
        check_overlap<float>("scales", t.scales, n * k,
            [&](const void* in, float* out) { return kernels.dequant_gptq4(q, z, in, nullptr, out, n, k, g, v2); });
        check_overlap<float>("g_idx", bytes_of(idx), n * k,
            [&](const void* in, float* out) {
                return kernels.dequant_gptq4(q, z, s, static_cast<const int32_t*>(in), out, n, k, g, v2);
            });
        check_overlap<E>("qweight", t.qweight, m * n,
            [&](const void* in, E* y) { return kernels.gptq_matmul(in, z, s, nullptr, x.data(), y, m, n, k, g, v2); });
        check_overlap<E>("qzeros", t.qzeros, m * n,
            [&](const void* in, E* y) { return kernels.gptq_matmul(q, in, s, nullptr, x.data(), y, m, n, k, g, v2); });
        check_overlap<E>("scales", t.scales, m * n,
            [&](const void* in, E* y) { return kernels.gptq_matmul(q, z, in, nullptr, x.data(), y, m, n, k, g, v2); });
        check_overlap<E>("g_idx", bytes_of(idx), m * n,
            [&](const void* in, E* y) {
                return kernels.gptq_matmul(q, z, s, static_cast<const int32_t*>(in), x.data(), y, m, n, k, g, v2);
            });
        check_overlap<E>("input", bytes_of(x), m * n,
            [&](const void* in, E* y) {
                return kernels.gptq_matmul(q, z, s, idx.data(), static_cast<const E*>(in), y, m, n, k, g, v2);
            });
    });
}

TEST_CASE("packing: what must be refused") {
    const size_t n = 8, k = 256, g = 128, bytes = n * 2 * 72;
    const Bytes qweight(k * n / 2, 0x5b), qzeros(2 * n / 2, 0x77), scales(2 * n * 2, 0x20), codes(k / 32 * 12 * n, 0x1d);
    const std::vector<float> table(8 * n, 0.5f);
    const void *const q = qweight.data(), *const z = qzeros.data(), *const s = scales.data(), *const null = nullptr;
    const GptqZeros v2 = GptqZeros::v2;
    std::vector<int32_t> idx(k), perm(k);
    for (size_t i = 0; i < k; i++) idx[i] = int32_t(i % 2);
    using Out = uint8_t;
    const auto wrong = [&](const char* what, auto call) { bad<Out>(what, bytes, call); };

    wrong("pack_awq4, qweight null", [&](Out* b) { return gllm::pack_awq4(null, z, s, n, k, g, b); });
    wrong("pack_awq4, qzeros null", [&](Out* b) { return gllm::pack_awq4(q, null, s, n, k, g, b); });
    wrong("pack_awq4, scales null", [&](Out* b) { return gllm::pack_awq4(q, z, null, n, k, g, b); });
    wrong("pack_awq4, blocks null", [&](Out*) { return gllm::pack_awq4(q, z, s, n, k, g, nullptr); });
    for (size_t no : Sizes{ 0, 1, 32, 64, 127, 129, 192, 384, 512, SIZE_MAX })
        wrong("pack_awq4, group", [&](Out* b) { return gllm::pack_awq4(q, z, s, n, k, no, b); });
    for (size_t no : Sizes{ 1, 64, 127, 129, 200 }) wrong("pack_awq4, k",
        [&](Out* b) { return gllm::pack_awq4(q, z, s, n, no, no, b); });
    for (size_t no : Sizes{ 1, 4, 7 }) wrong("pack_awq4, n", [&](Out* b) { return gllm::pack_awq4(q, z, s, no, k, g, b); });
    for (size_t huge : HUGE_SIZES) {
        wrong("pack_awq4, n too large", [&](Out* b) { return gllm::pack_awq4(q, z, s, huge, k, g, b); });
        wrong("pack_awq4, k too large", [&](Out* b) { return gllm::pack_awq4(q, z, s, n, huge, g, b); });
        wrong("pack_gptq4, n too large", [&](Out* b) { return gllm::pack_gptq4(q, z, s, nullptr, huge, k, g, v2, b, nullptr); });
        wrong("pack_gptq4, k too large", [&](Out* b) { return gllm::pack_gptq4(q, z, s, nullptr, n, huge, g, v2, b, nullptr); });
        wrong("pack_squeeze, n too large", [&](Out* b) { return gllm::pack_squeeze(codes.data(), table.data(), huge, k, b); });
        wrong("pack_squeeze, k too large", [&](Out* b) { return gllm::pack_squeeze(codes.data(), table.data(), n, huge, b); });
    }
    check_overlap<Out>("pack_awq4, qweight", qweight, bytes,
        [&](const void* in, Out* b) { return gllm::pack_awq4(in, z, s, n, k, g, b); });
    check_overlap<Out>("pack_awq4, qzeros", qzeros, bytes,
        [&](const void* in, Out* b) { return gllm::pack_awq4(q, in, s, n, k, g, b); });
    check_overlap<Out>("pack_awq4, scales", scales, bytes,
        [&](const void* in, Out* b) { return gllm::pack_awq4(q, z, in, n, k, g, b); });
    expect_ok(gllm::pack_awq4(null, null, null, 0, k, g, nullptr));
    expect_ok(gllm::pack_awq4(null, null, null, n, 0, g, nullptr));

    const auto gptq = [&](const void* q_, const void* z_, const void* s_, const int32_t* i_, size_t n_, size_t k_, size_t g_,
        GptqZeros zeros) {
        return [=, &perm](Out* b) {
            std::fill(perm.begin(), perm.end(), -7);
            const Status status = gllm::pack_gptq4(q_, z_, s_, i_, n_, k_, g_, zeros, b, perm.data());
            CHECK((status || perm == std::vector<int32_t>(perm.size(), -7)));
            return status;
        };
    };
    wrong("pack_gptq4, qweight null", gptq(null, z, s, nullptr, n, k, g, v2));
    wrong("pack_gptq4, qzeros null", gptq(q, null, s, nullptr, n, k, g, v2));
    wrong("pack_gptq4, qzeros null", gptq(q, null, s, nullptr, n, k, g, GptqZeros::v1));
    wrong("pack_gptq4, scales null", gptq(q, z, null, nullptr, n, k, g, v2));
    wrong("pack_gptq4, blocks null", [&](Out*) { return gptq(q, z, s, nullptr, n, k, g, v2)(nullptr); });
    wrong("pack_gptq4, perm null", [&](Out* b) { return gllm::pack_gptq4(q, z, s, idx.data(), n, k, g, v2, b, nullptr); });
    for (size_t no : Sizes{ 0, 1, 32, 64, 127, 129, 192, 384, 512, SIZE_MAX })
        wrong("pack_gptq4, group", gptq(q, z, s, nullptr, n, k, no, v2));
    for (size_t no : Sizes{ 1, 64, 127, 129, 200 }) wrong("pack_gptq4, k", gptq(q, z, s, nullptr, n, no, g, v2));
    for (size_t no : Sizes{ 1, 4, 7 }) wrong("pack_gptq4, n", gptq(q, z, s, nullptr, no, k, g, v2));
    wrong("pack_gptq4, zeros unknown", gptq(q, z, s, nullptr, n, k, g, GptqZeros::unknown));
    wrong("pack_gptq4, no zeros", gptq(q, z, s, nullptr, n, k, g, static_cast<GptqZeros>(77)));
    for (int32_t no : { 2, -1, INT32_MAX, INT32_MIN })
        for (size_t at : Sizes{ 0, 100, k - 1 }) {
            std::vector<int32_t> out_of_range = idx;
            out_of_range[at] = no;
            wrong("pack_gptq4, g_idx out of range", gptq(q, z, s, out_of_range.data(), n, k, g, v2));
        }
    std::vector<int32_t> uneven = idx;
    uneven[0] = 1;                                              // 127 inputs in one group, 129 in the other
    wrong("pack_gptq4, groups of other sizes", gptq(q, z, s, uneven.data(), n, k, g, v2));
    check_overlap<Out>("pack_gptq4, qweight", qweight, bytes,
        [&](const void* in, Out* b) { return gptq(in, z, s, nullptr, n, k, g, v2)(b); });
    check_overlap<Out>("pack_gptq4, qzeros", qzeros, bytes,
        [&](const void* in, Out* b) { return gptq(q, in, s, nullptr, n, k, g, v2)(b); });
    check_overlap<Out>("pack_gptq4, scales", scales, bytes,
        [&](const void* in, Out* b) { return gptq(q, z, in, nullptr, n, k, g, v2)(b); });
    check_overlap<Out>("pack_gptq4, g_idx", bytes_of(idx), bytes,
                       [&](const void* in, Out* b) { return gptq(q, z, s, static_cast<const int32_t*>(in), n, k, g, v2)(b); });
    check_overlap<int32_t>("pack_gptq4, perm and g_idx", bytes_of(idx), k, [&](const void* in, int32_t* p) {
        Bytes blocks(bytes, 0xaa);
        const Status status = gllm::pack_gptq4(q, z, s, static_cast<const int32_t*>(in), n, k, g, v2, blocks.data(), p);
        CHECK((status || blocks == Bytes(bytes, 0xaa)));
        return status;
    });
    expect_ok(gllm::pack_gptq4(null, null, null, nullptr, 0, k, g, v2, nullptr, nullptr));

    wrong("pack_squeeze, qweight null", [&](Out* b) { return gllm::pack_squeeze(null, table.data(), n, k, b); });
    wrong("pack_squeeze, lookup_table null", [&](Out* b) { return gllm::pack_squeeze(codes.data(), nullptr, n, k, b); });
    wrong("pack_squeeze, blocks null", [&](Out*) { return gllm::pack_squeeze(codes.data(), table.data(), n, k, nullptr); });
    for (size_t no : Sizes{ 1, 32, 128, 255, 257 }) wrong("pack_squeeze, k",
        [&](Out* b) { return gllm::pack_squeeze(codes.data(), table.data(), n, no, b); });
    check_overlap<Out>("pack_squeeze, qweight", codes, n * 130,
        [&](const void* in, Out* b) { return gllm::pack_squeeze(in, table.data(), n, k, b); });
    check_overlap<Out>("pack_squeeze, lookup_table", bytes_of(table), n * 130,
                       [&](const void* in, Out* b) {
                return gllm::pack_squeeze(codes.data(), static_cast<const float*>(in), n, k, b);
            });
    expect_ok(gllm::pack_squeeze(null, nullptr, 0, k, nullptr));
}

TEST_CASE_TEMPLATE("csr_matmul_add: what must be refused", E, ELEMENTS) {
    const size_t m = 2, n = 3, k = 10;
    const std::vector<int32_t> rows = { 0, 2, 2, 4 }, cols = { 1, 9, 0, 5 };
    const std::vector<float>   vals = { 1, 2, 3, 4 };
    Rng rng(6);
    const std::vector<E> x = draw<E>(rng, m * k);
    for_each_isa<E>([&](const CpuKernels<E>& kernels, const char* isa) {
        TEST_INFO("csr_matmul_add", isa, E, "refusals");
        const auto wrong = [&](const char* what, const int32_t* r, const int32_t* c, const float* v, const E* in, size_t m_,
            size_t n_, size_t k_) {
            bad<E>(what, m * n, [&](E* y) { return kernels.csr_matmul_add(r, c, v, in, y, m_, n_, k_); });
        };
        wrong("rows null", nullptr, cols.data(), vals.data(), x.data(), m, n, k);
        wrong("cols null", rows.data(), nullptr, vals.data(), x.data(), m, n, k);
        wrong("vals null", rows.data(), cols.data(), nullptr, x.data(), m, n, k);
        wrong("input null", rows.data(), cols.data(), vals.data(), nullptr, m, n, k);
        bad<E>("output null", 1,
            [&](E*) { return kernels.csr_matmul_add(rows.data(), cols.data(), vals.data(), x.data(), nullptr, m, n, k); });
        for (size_t huge : HUGE_SIZES) {
            wrong("m too large", rows.data(), cols.data(), vals.data(), x.data(), huge, n, k);
            wrong("n too large", rows.data(), cols.data(), vals.data(), x.data(), m, huge, k);
            wrong("k too large", rows.data(), cols.data(), vals.data(), x.data(), m, n, huge);
        }
        wrong("n too large", rows.data(), cols.data(), vals.data(), x.data(), m, SIZE_MAX, k);
        for (const std::vector<int32_t>& r : { std::vector<int32_t>{ -1, 2, 2, 4 }, std::vector<int32_t>{ 0, 3, 2, 4 },
                                               std::vector<int32_t>{ 0, 2, -1, 4 }, std::vector<int32_t>{ 0, 2, 2, -4 } })
            wrong("rows decrease", r.data(), cols.data(), vals.data(), x.data(), m, n, k);
        for (int32_t no : { 10, 11, -1, INT32_MAX, INT32_MIN })
            for (size_t at = 0; at < 4; at++) {
                std::vector<int32_t> c = cols;
                c[at] = no;
                wrong("cols out of range", rows.data(), c.data(), vals.data(), x.data(), m, n, k);
            }
        check_overlap<E>("rows", bytes_of(rows), m * n, [&](const void* in, E* y) {
            return kernels.csr_matmul_add(static_cast<const int32_t*>(in), cols.data(), vals.data(), x.data(), y, m, n, k); });
        check_overlap<E>("cols", bytes_of(cols), m * n, [&](const void* in, E* y) {
            return kernels.csr_matmul_add(rows.data(), static_cast<const int32_t*>(in), vals.data(), x.data(), y, m, n, k); });
        check_overlap<E>("vals", bytes_of(vals), m * n, [&](const void* in, E* y) {
            return kernels.csr_matmul_add(rows.data(), cols.data(), static_cast<const float*>(in), x.data(), y, m, n, k); });
        check_overlap<E>("input", bytes_of(x), m * n, [&](const void* in, E* y) {
            return kernels.csr_matmul_add(rows.data(), cols.data(), vals.data(), static_cast<const E*>(in), y, m, n, k); });
        Fenced<E> y(m * n);                                     // nothing to add
        const std::vector<int32_t> empty(n + 1);
        expect_ok(kernels.csr_matmul_add(empty.data(), nullptr, nullptr, x.data(), y.data(), m, n, k));
        expect_ok(kernels.csr_matmul_add(rows.data(), cols.data(), vals.data(), nullptr, y.data(), 0, n, k));
        expect_ok(kernels.csr_matmul_add(empty.data(), nullptr, nullptr, x.data(), y.data(), m, 0, k));
        for (size_t i = 0; i < m * n; i++) CHECK(oracle::value(y[i]) != oracle::value(y[i]));
        CHECK(y.broken().empty());
    });
}

TEST_CASE("a product that is refused stays refused with a workspace and with threads") {
    gllm::ThreadPool two(2);
    const size_t m = 5, n = 7, k = 256;
    Rng rng(7);
    const Bytes w = quant::make_rows(rng, QuantType::Q4_K, n, k);
    const std::vector<float> x = draw<float>(rng, m * k);
    for_each_isa<float>([&](CpuKernels<float> kernels, const char* isa) {
        TEST_INFO("matmul", isa, float, "workspace and threads");
        Bytes scratch(1 << 20, 0x11);
        kernels.workspace = { scratch.data(), scratch.size() };
        kernels.parallel  = two.parallel();
        bad<float>("part of a block", m * n,
            [&](float* y) { return kernels.matmul(QuantType::Q4_K, w.data(), x.data(), y, m, n, k - 1); });
        bad<float>("input null", m * n, [&](float* y) { return kernels.matmul(QuantType::Q4_K, w.data(), nullptr, y, m, n, k); });
        check_overlap<float>("matmul", w, m * n,
                             [&](const void* in, float* y) { return kernels.matmul(QuantType::Q4_K, in, x.data(), y, m, n, k); });
    });
}
