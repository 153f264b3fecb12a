// Nothing to do: every operation with null pointers, in every combination of sizes that are zero and leave nothing to write. Catches a
// pointer that is read before the sizes are looked at, arithmetic on null, a write of something empty, and refusals of what is right.
// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "harness.hpp"

#include <functional>

using namespace test;
using gllm::Activation;
using gllm::Code;
using gllm::CpuKernels;
using gllm::GptqZeros;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;

namespace {

/// One pointer that stands for all of a call.
struct Any {
    void* p;
    template <class T> operator T*() const { return static_cast<T*>(p); }
};

/// An operation of some sizes, named as its parameters are. It is empty where any of the sizes in `each` of `empty` is zero.
struct Call {
    const char*         name;
    std::vector<size_t> sizes;
    const char*         letters;                                // one a size
    const char*         empty;                                  // any of these at zero: there is nothing to write
    const char*         refused;                                // any of these at zero: invalid_argument
    std::function<Status(Any p, const size_t* s)> run;
};

constexpr Status OK = { Code::ok, "ok" };
template <class F> std::function<Status(Any, const size_t*)> quiet(F f) {        // of one that returns nothing
    return [f](Any p, const size_t* s) { f(p, s); return OK; };
}

template <class E> std::vector<Call> operations(const CpuKernels<E>& k) {
    using S = const size_t*;
    const auto V = [](const char* name, auto f) { return Call{ name, { 9 }, "n", "n", "", quiet(f) }; };
    const auto R = [](const char* name, auto f) { return Call{ name, { 3, 9 }, "rn", "rn", "", quiet(f) }; };
    const auto M = [](const char* name, const char* empty, auto f) { return Call{ name, { 3, 8, 256 }, "mnk", empty, "", f }; };
    std::vector<Call> all = {
        V("vec_dot",         [&](Any p, S s) { CHECK(oracle::value(k.vec_dot(p, p, s[0])) == 0); }),
        V("vec_add",         [&](Any p, S s) { k.vec_add(p, p, p, s[0]); }),
        V("vec_sub",         [&](Any p, S s) { k.vec_sub(p, p, p, s[0]); }),
        V("vec_mul",         [&](Any p, S s) { k.vec_mul(p, p, p, s[0]); }),
        V("vec_scale",       [&](Any p, S s) { k.vec_scale(p, 2.0f, s[0]); }),
        V("vec_axpy",        [&](Any p, S s) { k.vec_axpy(p, 2.0f, p, s[0]); }),
        V("vec_sum",         [&](Any p, S s) { CHECK(oracle::value(k.vec_sum(p, s[0])) == 0); }),
        V("vec_max",         [&](Any p, S s) { CHECK(oracle::value(k.vec_max(p, s[0])) == -oracle::INF); }),
        V("vec_sum_squares", [&](Any p, S s) { CHECK(oracle::value(k.vec_sum_squares(p, s[0])) == 0); }),
        V("silu",            [&](Any p, S s) { k.silu(p, p, s[0]); }),
        V("gelu",            [&](Any p, S s) { k.gelu(p, p, s[0]); }),
        V("gelu_erf",        [&](Any p, S s) { k.gelu_erf(p, p, s[0]); }),
        V("gelu_quick",      [&](Any p, S s) { k.gelu_quick(p, p, s[0]); }),
        V("relu",            [&](Any p, S s) { k.relu(p, p, s[0]); }),
        V("tanh",            [&](Any p, S s) { k.tanh(p, p, s[0]); }),
        V("exp",             [&](Any p, S s) { k.exp(p, p, s[0]); }),
        V("swiglu",          [&](Any p, S s) { k.swiglu(p, p, p, s[0]); }),
        V("softmax",         [&](Any p, S s) { k.softmax(p, p, s[0]); }),
        V("rms_norm",        [&](Any p, S s) { k.rms_norm(p, p, p, s[0], 1e-5f); }),
        V("layer_norm",      [&](Any p, S s) { k.layer_norm(p, p, p, p, s[0], 1e-5f); }),
        R("rms_norm_rows",   [&](Any p, S s) { k.rms_norm_rows(p, p, p, s[0], s[1], 1e-5f); }),
        R("layer_norm_rows", [&](Any p, S s) { k.layer_norm_rows(p, p, p, p, s[0], s[1], 1e-5f); }),
        V("gemv_q8",         [&](Any p, S s) { CHECK(oracle::value(k.gemv_q8(p, p, 2.0f, s[0])) == 0); }),
        V("gemv_q4",         [&](Any p, S s) { CHECK(oracle::value(k.gemv_q4(p, p, 2.0f, s[0])) == 0); }),
        V("gemv_q2",         [&](Any p, S s) { CHECK(oracle::value(k.gemv_q2(p, p, 2.0f, s[0])) == 0); }),
        V("gemv_q1",         [&](Any p, S s) { CHECK(oracle::value(k.gemv_q1(p, p, 2.0f, s[0])) == 0); }),
        { "gemv", { 3, 9 }, "mn", "m", "", quiet([&](Any p, S s) { k.gemv(p, p, p, s[0], s[1]); }) },

        M("gemm",              "mn", [&](Any p, S s) { return k.gemm(p, p, p, s[0], s[1], s[2]); }),
        M("gemm_bias",         "mn", [&](Any p, S s) { return k.gemm_bias(p, p, p, p, s[0], s[1], s[2]); }),
        M("gemm_bias_act",     "mn", [&](Any p, S s) { return k.gemm_bias_act(p, p, p, p, s[0], s[1], s[2], Activation::gelu); }),
        M("gemm_transposed_b", "mn", [&](Any p, S s) { return k.gemm_transposed_b(p, p, p, s[0], s[1], s[2]); }),
        M("gemm_prepacked",    "mn", [&](Any p, S s) { return k.gemm_prepacked(p, p, p, s[0], s[1], s[2]); }),
        M("gemm_bias_prepacked", "mn", [&](Any p, S s) { return k.gemm_bias_prepacked(p, p, p, p, s[0], s[1], s[2]); }),
        M("gemm_bias_act_prepacked", "mn",
          [&](Any p, S s) { return k.gemm_bias_act_prepacked(p, p, p, p, s[0], s[1], s[2], Activation::silu); }),
        M("csr_matmul_add",    "mn", [&](Any p, S s) { return k.csr_matmul_add(p, p, p, p, p, s[0], s[1], s[2]); }),
        M("squeeze_matmul",    "mn", [&](Any p, S s) { return k.squeeze_matmul(p, p, p, s[0], s[1], s[2]); }),
        M("validate_blocks",   "m",  [&](Any p, S s) { return gllm::validate_blocks(QuantType::Q4_K, p, s[0]); }),
        M("pack_squeeze",      "nk", [&](Any p, S s) { return gllm::pack_squeeze(p, p, s[1], s[2], p); }),
        { "detect_gptq_zeros", { 9 }, "n", "n", "",
          quiet([&](Any p, S s) { CHECK(gllm::detect_gptq_zeros(p, s[0]) == GptqZeros::unknown); }) },

        { "dequant_awq4", { 8, 256, 128 }, "nkg", "nk", "g", [&](Any p, S s) { return k.dequant_awq4(p, p, p, p, s[0], s[1], s[2]); } },
        { "pack_awq4",    { 8, 256, 128 }, "nkg", "nk", "g", [&](Any p, S s) { return gllm::pack_awq4(p, p, p, s[0], s[1], s[2], p); } },
        { "awq_matmul",   { 3, 8, 256, 128 }, "mnkg", "mn", "g",
          [&](Any p, S s) { return k.awq_matmul(p, p, p, p, p, s[0], s[1], s[2], s[3]); } },
    };
    for (Precision e : { Precision::exact, Precision::fast }) {
        all.push_back(M("gemm_q8", "mn", [&k, e](Any p, S s) { return k.gemm_q8(p, p, p, p, s[0], s[1], s[2], e); }));
        all.push_back(M("gemm_q4", "mn", [&k, e](Any p, S s) { return k.gemm_q4(p, p, p, p, s[0], s[1], s[2], e); }));
        all.push_back(M("kquant_matmul", "mn",
                        [&k, e](Any p, S s) { return k.kquant_matmul(p, p, p, QuantType::Q6_K, s[0], s[1], s[2], e); }));
        all.push_back(M("iq_matmul", "mn", [&k, e](Any p, S s) { return k.iq_matmul(p, p, p, QuantType::IQ3_S, s[0], s[1], s[2], e); }));
        for (int t = 0; t < gllm::quant_type_count; t++)
            all.push_back(M("matmul", "mn", [&k, e, t](Any p, S s) { return k.matmul(QuantType(t), p, p, p, s[0], s[1], s[2], e); }));
    }
    for (int t = 0; t < gllm::quant_type_count; t++)
        all.push_back({ "dequant", { 256 }, "n", "n", "", [&k, t](Any p, S s) { return k.dequant(QuantType(t), p, p, s[0]); } });
    for (GptqZeros z : { GptqZeros::v1, GptqZeros::v2, GptqZeros::symmetric })
        for (bool index : { false, true }) {
            const auto g = [index](Any p) { return index ? static_cast<const int32_t*>(p) : nullptr; };
            all.push_back({ "dequant_gptq4", { 8, 256, 128 }, "nkg", "nk", "g", [&k, g, z](Any p, S s) {
                return k.dequant_gptq4(p, p, p, g(p), p, s[0], s[1], s[2], z); } });
            all.push_back({ "pack_gptq4", { 8, 256, 128 }, "nkg", "nk", "g", [g, z](Any p, S s) {
                return gllm::pack_gptq4(p, p, p, g(p), s[0], s[1], s[2], z, p, nullptr); } });
            all.push_back({ "gptq_matmul", { 3, 8, 256, 128 }, "mnkg", "mn", "g", [&k, g, z](Any p, S s) {
                return k.gptq_matmul(p, p, p, g(p), p, p, s[0], s[1], s[2], s[3], z); } });
        }
    for (gllm::RopeStyle style : { gllm::RopeStyle::interleaved, gllm::RopeStyle::half }) {
        all.push_back({ "rope", { 2, 64 }, "hd", "hd", "", quiet([&k, style](Any p, S s) { k.rope(p, p, p, s[0], s[1], style); }) });
        all.push_back({ "rope_with_pos", { 2, 64 }, "hd", "hd", "",
                        quiet([&k, style](Any p, S s) { k.rope_with_pos(p, p, p, s[0], s[1], 5, style); }) });
        all.push_back({ "rope_with_pos", { 2, 64 }, "hd", "h", "",
                        quiet([&k, style](Any p, S s) { k.rope_with_pos(p, p, p, s[0], s[1], 5, style, s[1] / 2); }) });
    }
    return all;
}

bool mentions(const char* letters, char c) { return std::strchr(letters, c) != nullptr; }

/// Every choice of sizes that are zero.
template <class F> void each_choice(const Call& c, F f) {
    const size_t count = c.sizes.size();
    for (unsigned zeros = 1; zeros < 1u << count; zeros++) {
        std::vector<size_t> s = c.sizes;
        bool        empty = false, refused = false;
        std::string at = c.name;
        for (size_t i = 0; i < count; i++) {
            const bool zero = zeros >> i & 1;
            if (zero) s[i] = 0;
            empty   = empty || (zero && mentions(c.empty, c.letters[i]));
            refused = refused || (zero && mentions(c.refused, c.letters[i]));
            at += std::string(" ") + c.letters[i] + "=" + std::to_string(s[i]);
        }
        if (empty) f(s.data(), refused, at);
    }
}

} // namespace

TEST_CASE_TEMPLATE("null pointers and nothing to do", E, ELEMENTS) {
    gllm::ThreadPool two(2);
    for_each_isa<E>([&](CpuKernels<E> k, const char* isa) {
        for (bool threads : { false, true }) {
            k.parallel = threads ? two.parallel() : gllm::Parallel();
            for (const Call& c : operations(k))
                each_choice(c, [&](const size_t* s, bool refused, const std::string& at) {
                    TEST_INFO(c.name, isa, E, at);
                    const Status status = c.run({ nullptr }, s);
                    CHECK_MESSAGE(int(status.code) == int(refused ? Code::invalid_argument : Code::ok), text(status.what));
                    CHECK((status.what && *status.what));
                });
        }
        CHECK(allocations() == 0);
    });
}

TEST_CASE_TEMPLATE("nothing to do touches nothing", E, ELEMENTS) {       // one area stands for all operands; its contents may be refused
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        for (const Call& c : operations(k))
            each_choice(c, [&](const size_t* s, bool, const std::string& at) {
                TEST_INFO(c.name, isa, E, at);
                Fenced<uint8_t> area(4096);
                const Status    status = c.run({ area.data() }, s);
                CHECK_MESSAGE((status || status.code == Code::invalid_argument), text(status.what));
                CHECK(area.untouched());
            });
    });
}

TEST_CASE_TEMPLATE("nothing to add up: zeros, the bias, or what was there", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        TEST_INFO("products", isa, E, "k = 0");
        const size_t m = 3, n = 16;
        const std::vector<E> bias(n, oracle::round_to<E>(1.5)), nothing(n, oracle::round_to<E>(0.0));
        const E* const none = nullptr;
        std::vector<uint8_t> packed(k.packed_b_bytes(n, 0));
        CHECK(k.pack_b(none, n, 0, packed.data()));
        CHECK(k.pack_b_transposed(none, n, 0, packed.data()));
        const auto gives = [&](const char* name, const std::vector<E>& want, auto call) {
            Fenced<E>    out(m * n);
            const Status s = call(out.data());
            CHECK_MESSAGE(s, text(name) << ": " << text(s.what));
            std::string wrong = out.broken();
            for (size_t i = 0; i < m; i++) wrong += differ(out.data() + i * n, want.data(), n);
            CHECK_MESSAGE(wrong.empty(), text(name) << ": " << wrong);
        };
        gives("gemm", nothing, [&](E* c) { return k.gemm(none, none, c, m, n, 0); });
        gives("gemm_transposed_b", nothing, [&](E* c) { return k.gemm_transposed_b(none, none, c, m, n, 0); });
        gives("gemm_prepacked", nothing, [&](E* c) { return k.gemm_prepacked(none, packed.data(), c, m, n, 0); });
        gives("gemm_bias", bias, [&](E* c) { return k.gemm_bias(none, none, bias.data(), c, m, n, 0); });
        gives("gemm_bias_prepacked", bias, [&](E* c) { return k.gemm_bias_prepacked(none, packed.data(), bias.data(), c, m, n, 0); });
        gives("gemv", nothing, [&](E* c) { k.gemv(none, none, c, m * n, 0); return OK; });
        for (Precision p : { Precision::exact, Precision::fast }) {
            gives("gemm_q8", nothing, [&](E* c) { return k.gemm_q8(nullptr, none, c, bias.data(), m, n, 0, p); });
            gives("gemm_q4", nothing, [&](E* c) { return k.gemm_q4(nullptr, none, c, bias.data(), m, n, 0, p); });
            for (int t = 0; t < gllm::quant_type_count; t++)
                gives("matmul", nothing, [&](E* c) { return k.matmul(QuantType(t), nullptr, none, c, m, n, 0, p); });
        }
        gives("awq_matmul", nothing, [&](E* c) { return k.awq_matmul(nullptr, nullptr, nullptr, none, c, m, n, 0, 128); });
        for (GptqZeros z : { GptqZeros::v1, GptqZeros::symmetric })
            gives("gptq_matmul", nothing,
                  [&](E* c) { return k.gptq_matmul(nullptr, nullptr, nullptr, nullptr, none, c, m, n, 0, 128, z); });
        const std::vector<int32_t> rows(n + 1);
        for (size_t kk : Sizes{ 0, 7 }) {
            const std::vector<E> x(m * kk, oracle::round_to<E>(1.0));
            gives("csr_matmul_add", bias, [&](E* c) {
                for (size_t i = 0; i < m * n; i++) c[i] = bias[i % n];
                return k.csr_matmul_add(rows.data(), nullptr, nullptr, kk ? x.data() : nullptr, c, m, n, kk);
            });
        }
    });
}
