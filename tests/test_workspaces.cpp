// Scratch memory: *_workspace_bytes is a promise. Catches promises that are too small for some shape, width, element, form or cache,
// allocations beside a workspace, bits that depend on where scratch came from, routes that change when memory is short, writes before
// a refusal, and sizes that wrap. SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "quant_oracle.hpp"

using namespace test;
using gllm::Activation;
using gllm::Code;
using gllm::CpuKernels;
using gllm::GptqZeros;
using gllm::Precision;
using gllm::QuantType;
using gllm::Status;

namespace {

// ---- the machine of a case --------------------------------------------------

/// Every task in the calling thread, in another order each time.
void run_shuffled(void* pool, unsigned tasks, void (*task)(void*, unsigned), void* arg) {
    Rng& rng = *static_cast<Rng*>(pool);
    std::vector<unsigned> order(tasks);
    for (unsigned i = 0; i < tasks; i++) order[i] = i;
    for (unsigned i = tasks; i > 1; i--) std::swap(order[i - 1], order[rng.below(i)]);
    for (unsigned i : order) task(arg, i);
}
gllm::Parallel shuffled(unsigned width, Rng& rng) {
    gllm::Parallel p;
    p.width = width, p.pool = &rng, p.run = run_shuffled;
    return p;
}

constexpr size_t CACHES[] = { 128 << 10, 192 << 10, 256 << 10, 384 << 10, 512 << 10, 1 << 20, 1280 << 10, 2 << 20, 3 << 20, 4 << 20 };

/// While it lives the library takes the second-level cache to be this large.
struct Cache {
    explicit Cache(size_t bytes) { set_l2_bytes(bytes); }
    ~Cache() { set_l2_bytes(0); }
};

/// A workspace at an odd address, between fences. The one behind it is as wide as itself: all of an overrun lands on it.
class Space {
public:
    Space(size_t bytes, size_t offset) : bytes_(bytes), begin_(FENCE + offset), store_(begin_ + 2 * bytes + FENCE, 0xa7) {
        std::memset(store_.data() + begin_, 0xff, bytes);
    }
    gllm::Workspace workspace() { return { store_.data() + begin_, bytes_ }; }
    bool intact() const { return even(0, begin_) && even(begin_ + bytes_, store_.size()); }
private:
    static constexpr size_t FENCE = 4096;
    bool even(size_t from, size_t to) const {
        return store_[from] == 0xa7 && std::memcmp(&store_[from], &store_[from + 1], to - from - 1) == 0;
    }
    size_t bytes_, begin_;
    std::vector<uint8_t> store_;
};

/// One call of the library: run(kernels, out) -> Status writes n elements; promise(kernels) is the workspace that must do.
template <class E, class Run, class Promise>
void check_scratch(const CpuKernels<E>& plain, size_t n, Rng& rng, unsigned width, size_t l2, Run run, Promise promise) {
    std::vector<E> want(n);
    {
        const Status s = run(plain, want.data());
        CHECK_MESSAGE(s, "in one thread: " << text(s.what));
        if (!s) return;
    }
    CpuKernels<E> k = plain;
    k.parallel = shuffled(width, rng);
    const Cache  cache(l2);
    const size_t bytes = promise(k);
    INFO("width " << width << ", L2 of " << (l2 >> 10) << " KiB, " << bytes << " bytes promised");
    const auto attempt = [&](const char* way, const CpuKernels<E>& kernels, bool must) {
        Fenced<E>    out(n, 1);
        const long   before = allocations_ever();
        const Status s = run(kernels, out.data());
        const bool   own = kernels.workspace.data != nullptr;
        CHECK_MESSAGE((!own || allocations_ever() == before), text(way) << ": allocates beside the workspace");
        CHECK_MESSAGE((s || (!must && s.code == Code::out_of_memory)), text(way) << ": code " << int(s.code) << ", " << text(s.what));
        const std::string wrong = s ? differ(out.data(), want.data(), n) + out.broken() : out.untouched() ? "" : "refused, but wrote";
        CHECK_MESSAGE(wrong.empty(), text(way) << ": " << wrong);
        return s;
    };
    const auto in_space = [&](const char* way, size_t room, bool must) {
        Space space(room, 1 + 2 * rng.below(32));
        CpuKernels<E> kernels = k;
        kernels.workspace = space.workspace();
        const Status s = attempt(way, kernels, must);
        CHECK_MESSAGE(space.intact(), text(way) << ": writes beyond " << room << " bytes");
        return s;
    };

    const long overrun_before = overruns();
    attempt("allocated", k, true);
    CHECK_MESSAGE(overruns() == overrun_before, "writes beyond what it allocated");
    CHECK(allocations() == 0);
    if (bytes <= size_t(64) << 20) in_space("promised", bytes, true);
    for (size_t room : { bytes / 2, bytes / 7, size_t(1), size_t(0) })
        if (room < bytes && rng.below(2)) in_space("too little", room, false);
    if (rng.below(2)) {
        fail_allocations(true);
        attempt("malloc fails", k, false);
        fail_allocations(false);
    }
}

// ---- shapes -----------------------------------------------------------------

/// Sizes at which a blocking changes its mind, and their neighbours.
size_t edge(Rng& rng, size_t most) {
    static const size_t at[] = { 8, 16, 24, 32, 48, 64, 85, 96, 128, 170, 256, 341, 512, 682, 1024, 1364, 2048, 4096, 12288, 20000 };
    size_t n = 0;
    do n = at[rng.below(sizeof at / sizeof *at)] + rng.below(3) - 1; while (n > most && most > 24);
    return n < most ? n : most;
}
size_t some(Rng& rng, size_t most) {
    if (most > 1 && rng.below(2)) return edge(rng, most);
    return std::max<size_t>(1, size_t(std::pow(double(most), rng.uniform())));
}

struct Shape { size_t m, n, k; };

/// At most `work` products in all, the sizes drawn in any order, so that each is the long one at times.
Shape draw_shape(Rng& rng, size_t work) {
    size_t size[3] = {}, left = work, first = rng.below(3), step = 1 + rng.below(2);
    for (size_t i = 0; i < 3; i++) {
        const size_t d = (first + i * step) % 3;
        size[d] = some(rng, std::min<size_t>(left, d == 0 ? 4096 : 20000));
        left = std::max<size_t>(1, left / size[d]);
    }
    return { size[0], size[1], size[2] };
}

/// How many cases this instruction set gets, and how large they are.
struct Effort { size_t cases, work; };
Effort effort(gllm::Isa isa) {
    const bool slow = small() || gllm::isa_presence(isa) == gllm::Presence::emulated;
    if (isa == gllm::Isa::scalar) return { slow ? 12u : 150u, size_t(1) << 16 };
    return slow ? Effort{ 25, size_t(1) << 16 } : Effort{ 600, size_t(1) << 18 };
}

/// Operands without end: any part of it is finite and random.
template <class E> const E* pool(Rng& rng, size_t n) {
    static const std::vector<E> all = [] {
        Rng fixed(77);
        return draw<E>(fixed, size_t(1) << 22);
    }();
    return n <= all.size() ? all.data() + rng.below(all.size() - n + 1) : nullptr;
}

// ---- dense products ---------------------------------------------------------

template <class E> void check_dense(const CpuKernels<E>& plain, const char* isa, Shape s, int form, unsigned width, size_t l2, Rng& rng) {
    static const char* const names[] = { "gemm", "gemm_bias_act", "gemm_transposed_b", "gemm_prepacked", "gemm_bias_act_prepacked" };
    TEST_INFO(names[form], isa, E, shape(s.m, s.n, s.k));
    const E *const a = pool<E>(rng, s.m * s.k), *const b = pool<E>(rng, s.k * s.n), *const bias = pool<E>(rng, s.n);
    if (!a || !b) return;
    std::vector<uint8_t> packed;
    if (form >= 3) {
        packed.resize(plain.packed_b_bytes(s.n, s.k));
        CHECK(plain.pack_b(b, s.n, s.k, packed.data()));
    }
    check_scratch<E>(plain, s.m * s.n, rng, width, l2,
        [&](const CpuKernels<E>& k, E* c) {
            switch (form) {
                case 0:  return k.gemm(a, b, c, s.m, s.n, s.k);
                case 1:  return k.gemm_bias_act(a, b, bias, c, s.m, s.n, s.k, Activation::relu);
                case 2:  return k.gemm_transposed_b(a, b, c, s.m, s.n, s.k);
                case 3:  return k.gemm_prepacked(a, packed.data(), c, s.m, s.n, s.k);
                default: return k.gemm_bias_act_prepacked(a, packed.data(), bias, c, s.m, s.n, s.k, Activation::relu);
            }
        },
        [&](const CpuKernels<E>& k) { return k.gemm_workspace_bytes(s.m, s.n, s.k); });
}

TEST_CASE_TEMPLATE("gemm in every form: gemm_workspace_bytes", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Rng rng(uint64_t(k.isa()) * 10 + oracle::Format<E>::p);
        const Effort e = effort(k.isa());
        for (size_t i = 0; i < e.cases; i++) {
            const Shape s = draw_shape(rng, e.work);
            check_dense<E>(k, isa, s, int(rng.below(5)), 1 + unsigned(rng.below(8)), CACHES[rng.below(10)], rng);
        }
        for (Shape s : { Shape{ 513, 64, 64 }, Shape{ 86, 16, 300 }, Shape{ 1025, 8, 40 }, Shape{ 4096, 3, 17 }, Shape{ 1, 1, 1 },
                         Shape{ 9, 4100, 3 }, Shape{ 1100, 2, 12289 > e.work ? 30u : 300u } })
            for (int form : { 0, 2, 3 })
                for (unsigned width : { 1u, 3u, 64u })
                    if (s.m * s.n * s.k <= 4 * e.work || width == 3) check_dense<E>(k, isa, s, form, width, CACHES[rng.below(10)], rng);
    });
}

TEST_CASE("gemm of many rows and a long k: gemm_workspace_bytes") {
    for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
        if (effort(k.isa()).cases < 100 || k.isa() == gllm::Isa::scalar) return;
        Rng rng(3);
        for (size_t l2 : { size_t(512) << 10, size_t(2) << 20 })
            for (Shape s : { Shape{ 1364, 2, 12289 }, Shape{ 1025, 2, 12289 }, Shape{ 700, 3, 14000 } }) {
                const std::vector<float> a = draw<float>(rng, s.m * s.k), b = draw<float>(rng, s.n * s.k);
                TEST_INFO("gemm_prepacked", isa, float, shape(s.m, s.n, s.k));
                std::vector<uint8_t> packed(k.packed_b_bytes(s.n, s.k));
                CHECK(k.pack_b(b.data(), s.n, s.k, packed.data()));
                for (unsigned width : { 1u, 3u })
                    check_scratch<float>(k, s.m * s.n, rng, width, l2,
                        [&](const CpuKernels<float>& kk, float* c) { return kk.gemm_prepacked(a.data(), packed.data(), c, s.m, s.n, s.k); },
                        [&](const CpuKernels<float>& kk) { return kk.gemm_workspace_bytes(s.m, s.n, s.k); });
            }
    });
}

// ---- quantised products -----------------------------------------------------

constexpr QuantType TYPES[] = { QuantType::Q4_K, QuantType::Q8_0, QuantType::IQ2_XXS, QuantType::AWQ4, QuantType::SQUEEZE, QuantType::Q6_K,
                                QuantType::MXFP4 };

/// Blocks of a type, any whole number of which may be used.
const uint8_t* blocks_of(QuantType type, size_t weights) {
    static std::vector<quant::Bytes> all(gllm::quant_type_count);
    quant::Bytes& b = all[size_t(type)];
    if (b.empty()) {
        Rng rng(uint64_t(type) + 50);
        b = quant::make_rows(rng, type, 1, size_t(1) << 19, quant::Fill::random, true);
    }
    return weights <= size_t(1) << 19 ? b.data() : nullptr;
}

enum class Op { matmul, plain8, plain4, awq, gptq };

template <class E> void check_quantised(const CpuKernels<E>& plain, const char* isa, Op op, QuantType type, Shape s, Precision p,
                                        unsigned width, size_t l2, Rng& rng) {
    static const char* const names[] = { "matmul", "gemm_q8", "gemm_q4", "awq_matmul", "gptq_matmul" };
    if (op == Op::matmul) s.k = std::max<size_t>(1, s.k / gllm::block_size(type)) * gllm::block_size(type);
    const bool tensors = op == Op::awq || op == Op::gptq;
    if (tensors) s.n = (s.n + 7) / 8 * 8, s.k = (s.k + 31) / 32 * 32;
    TEST_INFO(names[int(op)], isa, E, quant::format(type).name << " " << shape(s.m, s.n, s.k) << " precision " << int(p));
    const E *const x = pool<E>(rng, s.m * s.k), *const scales = pool<E>(rng, s.n);
    const uint8_t* const blocks = blocks_of(op == Op::matmul ? type : QuantType::Q8_0, s.n * s.k);
    if (!x || !blocks) return;
    std::vector<gllm::f16> halves(tensors ? s.k / 32 * s.n : 0, oracle::round_to<gllm::f16>(0.01));
    const std::vector<int32_t> index = [&] {
        std::vector<int32_t> v(op == Op::gptq ? s.k : 0);
        for (int32_t& i : v) i = int32_t(rng.below(s.k / 32));
        return v;
    }();
    const bool act_order = rng.below(2);
    check_scratch<E>(plain, s.m * s.n, rng, width, l2,
        [&](const CpuKernels<E>& k, E* y) {
            switch (op) {
                case Op::matmul: return k.matmul(type, blocks, x, y, s.m, s.n, s.k, p);
                case Op::plain8: return k.gemm_q8(blocks, x, y, scales, s.m, s.n, s.k, p);
                case Op::plain4: return k.gemm_q4(blocks, x, y, scales, s.m, s.n, s.k, p);
                case Op::awq:    return k.awq_matmul(blocks, blocks, halves.data(), x, y, s.m, s.n, s.k, 32);
                default:
                    return k.gptq_matmul(blocks, blocks, halves.data(), act_order ? index.data() : nullptr, x, y, s.m, s.n, s.k, 32,
                                         GptqZeros::v1);
            }
        },
        [&](const CpuKernels<E>& k) {                           // of any type and precision for what has none of its own
            switch (op) {
                case Op::matmul: return k.matmul_workspace_bytes(type, s.m, s.n, s.k, p);
                case Op::awq:    return k.matmul_workspace_bytes(QuantType::AWQ4, s.m, s.n, s.k);
                case Op::gptq:   return k.matmul_workspace_bytes(QuantType::GPTQ4, s.m, s.n, s.k);
                default:         return k.matmul_workspace_bytes(TYPES[rng.below(7)], s.m, s.n, s.k, rng.below(2) ? p : Precision::exact);
            }
        });
}

TEST_CASE_TEMPLATE("quantised products: matmul_workspace_bytes", E, ELEMENTS) {
    for_each_isa<E>([&](const CpuKernels<E>& k, const char* isa) {
        Rng rng(uint64_t(k.isa()) * 10 + oracle::Format<E>::p + 100);
        const Effort e = effort(k.isa());
        for (size_t i = 0; i < e.cases; i++) {
            const Shape s = draw_shape(rng, e.work);
            const Op    ops[] = { Op::matmul, Op::matmul, Op::matmul, Op::matmul, Op::plain8, Op::plain8, Op::plain4, Op::awq, Op::gptq };
            check_quantised<E>(k, isa, ops[rng.below(9)], TYPES[rng.below(7)], s, rng.below(2) ? Precision::exact : Precision::fast,
                               1 + unsigned(rng.below(8)), CACHES[rng.below(10)], rng);
        }
        for (Shape s : { Shape{ 24, 40, 512 }, Shape{ 71, 40, 601 }, Shape{ 130, 8, 256 }, Shape{ 8, 33, 64 }, Shape{ 1025, 2, 32 } })
            for (Op op : { Op::matmul, Op::plain8, Op::plain4 })
                for (Precision p : { Precision::exact, Precision::fast })
                    check_quantised<E>(k, isa, op, QuantType::Q8_0, s, p, 1 + unsigned(rng.below(3)), CACHES[rng.below(10)], rng);
    });
}

/// Inputs that do not fit in fixed point (a huge one, a NaN) take another route: in the same memory, to the same bits.
TEST_CASE("quantised products of inputs out of range: matmul_workspace_bytes") {
    for_each_isa<float>([&](const CpuKernels<float>& k, const char* isa) {
        Rng rng(9);
        for (double odd : { oracle::QNAN, oracle::INF, 3e38, 1e-40 })
            for (QuantType type : { QuantType::Q8_0, QuantType::Q6_K, QuantType::Q4_K })
                for (size_t m : Sizes{ 3, 9, 40 }) {
                    const size_t n = 35, kk = 512;
                    std::vector<float> x = draw<float>(rng, m * kk);
                    x[rng.below(x.size())] = float(odd);
                    const uint8_t* const blocks = blocks_of(type, n * kk);
                    for (Precision p : { Precision::exact, Precision::fast }) {
                        TEST_INFO("matmul", isa, float,
                                  quant::format(type).name << " " << shape(m, n, kk) << " precision " << int(p) << " with " << odd);
                        check_scratch<float>(k, m * n, rng, 1 + unsigned(rng.below(4)), CACHES[rng.below(10)],
                            [&](const CpuKernels<float>& kernels, float* y) {
                                return kernels.matmul(type, blocks, x.data(), y, m, n, kk, p);
                            },
                            [&](const CpuKernels<float>& kernels) { return kernels.matmul_workspace_bytes(type, m, n, kk, p); });
                    }
                }
    });
}

// ---- sizes that wrap --------------------------------------------------------

/// Does the product of these, times `size`, leave size_t?
bool overflows(size_t a, size_t b, size_t size) {
    return a && b && (a > SIZE_MAX / b || a * b > SIZE_MAX / size);
}

TEST_CASE_TEMPLATE("workspaces of sizes that overflow: 0", E, ELEMENTS) {
    const size_t H = SIZE_MAX / 2, Q = size_t(1) << (sizeof(size_t) * 4), some_sizes[] = {
        1, 3, 256, 12289, Q - 1, Q, Q + 1, Q * 16, H / 4, H / 4 + 1, H - 63, H, H + 1, H + 256, SIZE_MAX - 64, SIZE_MAX - 1, SIZE_MAX };
    for_each_isa<E>([&](const CpuKernels<E>& plain, const char* isa) {
        TEST_INFO("workspace_bytes", isa, E, "huge");
        Rng         rng(1);
        size_t      misses = 0;
        std::string first;
        const auto  zero = [&](const char* what, unsigned width, Shape s, size_t bytes) {
            if (bytes != 0 && misses++ == 0)
                first = text(what) + " " + shape(s.m, s.n, s.k) + ", width " + std::to_string(width) + ": " + std::to_string(bytes);
        };
        for (unsigned width : { 1u, 3u, 8u, ~0u })
            for (size_t m : some_sizes)
                for (size_t n : some_sizes)
                    for (size_t k : some_sizes) {
                        const bool no_output = overflows(m, n, sizeof(E)) || overflows(m, k, sizeof(E));
                        CpuKernels<E> kernels = plain;
                        kernels.parallel = shuffled(width, rng);
                        if (no_output || overflows(n, k, sizeof(E)))
                            zero("gemm_workspace_bytes", width, { m, n, k }, kernels.gemm_workspace_bytes(m, n, k));
                        if (no_output || overflows(n, k, 1))
                            for (Precision p : { Precision::exact, Precision::fast })
                                zero("matmul_workspace_bytes", width, { m, n, k },
                                     kernels.matmul_workspace_bytes(QuantType::Q8_0, m, n, k, p));
                    }
        CHECK_MESSAGE(misses == 0, misses << " not 0, the first: " << first);
    });
}

/// Where scratch is a copy of the input, no promise may be smaller than it: the copy cannot have wrapped.
TEST_CASE("workspaces just below an overflow do not wrap") {
    for_each_isa<gllm::bf16>([&](const CpuKernels<gllm::bf16>& k, const char* isa) {
        TEST_INFO("matmul_workspace_bytes", isa, gllm::bf16, "large");
        for (size_t shift = sizeof(size_t) * 8 - 24; shift < sizeof(size_t) * 8; shift++) {
            const size_t m = size_t(1) << shift, bytes = k.matmul_workspace_bytes(QuantType::Q8_0, m, 4, 512);
            CHECK_MESSAGE((bytes == 0 || bytes / 512 >= m), shape(m, 4, 512) << ": " << bytes);
        }
    });
}

} // namespace
