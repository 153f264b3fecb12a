// compiler: what compiled graphs bring against the same operations one by one, on every instruction set of this CPU.
// SPDX-License-Identifier: MIT
//
//   make build/compiler && build/compiler            GLLM_KERNELS_ISA=avx2 and the like narrow it
//
// time     median of samples of at least a fifth of a millisecond, the two ways, and a copy where there is one, in turn
// ops      how many times as long the operations take one by one: median of the pairwise ratios
// F        of products: which share of the multiply-add peak of this set, measured beside it, all of run() comes to;
//          F + gelu: that of the peak's time and of what gelu takes alone for as many results, layer by layer
// copy     how many times as long memcpy takes for as much read and written: operands and results, no intermediates
// by hand  of a chain: a loop of intrinsics that computes the same, for data in the first-level cache
// libxsmm, oneDNN    how many times as long these take, where bench/peers.hpp finds them; beside the best set alone
//          where a library is of one set a process
// scratch  of a layer of a llama: bytes of its scratch as share of those of all intermediates
// compile  from a graph to a layer that can run; cached: the same from a CompilationCache that has it; first: the first
//          time in this process, when code and memory are touched for the first time
#define GLLM_KERNELS_IMPLEMENTATION
#define GLLM_KERNELS_COMPILER
#include "gllm_kernels.hpp"
#include "machine.hpp"
#include "peers.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

using gllm::CompiledLayer;
using gllm::CompilerGraph;
using gllm::CpuKernels;
using gllm::OpKind;
using gllm::Status;
using gllm::TensorRef;

namespace {

using Floats = std::vector<float>;
using Way = std::function<void()>;

Floats noise(size_t n) {
    static uint32_t state = 1;
    Floats x(n);
    for (float& v : x) v = float((state = state * 1664525 + 1013904223) >> 8) / float(1 << 24) - 0.5f;
    return x;
}

/// Seconds of a call of each way, sample by sample.
std::vector<std::vector<double>> measure(const std::vector<Way>& ways) {
    std::vector<std::vector<double>> all(ways.size());
    std::vector<size_t> calls(ways.size(), 1);
    for (size_t i = 0; i < ways.size(); i++) {
        for (double took = 0; took < 2e-4; calls[i] *= 2) {
            const double start = machine::now();
            for (size_t j = 0; j < calls[i]; j++) ways[i]();
            took = machine::now() - start;
        }
    }
    const double begin = machine::now();
    for (int n = 0; n < 9 || (n < 200 && machine::now() - begin < 0.5); n++)
        for (size_t i = 0; i < ways.size(); i++) {
            const double start = machine::now();
            for (size_t j = 0; j < calls[i]; j++) ways[i]();
            all[i].push_back((machine::now() - start) / double(calls[i]));
        }
    return all;
}
double ratio(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> r;
    for (size_t i = 0; i < a.size(); i++) r.push_back(a[i] / b[i]);
    return machine::median(r);
}
/// What else computes the same; none without a function.
struct Peer { const char* name; Way way; };

/// The layer, and others; flops or, where negative, bytes; F of products, or 0; what a part of it takes alone, or none.
void row(const std::string& name, const Way& layer, const std::vector<Peer>& peers, double work, double peak = 0,
         const Way& part = nullptr) {
    std::vector<Way> ways = {layer};
    for (const Peer& p : peers) if (p.way) ways.push_back(p.way);
    if (part) ways.push_back(part);
    const auto t = measure(ways);
    const double s = machine::median(t[0]), added = part ? machine::median(t.back()) : 0;
    printf("  %-34s %10.2f us %8.1f %-7s", name.c_str(), s * 1e6, std::fabs(work) / s * 1e-9, work < 0 ? "GB/s" : "GFLOP/s");
    if (peak != 0) printf(" %5.2f F", work / s / peak);
    if (part) printf(" %5.2f F + gelu", (work / peak + added) / s);
    size_t i = 0;
    for (const Peer& p : peers) if (p.way) printf(" %6.2fx %s", ratio(t[++i], t[0]), p.name);
    printf("\n");
    fflush(stdout);
}

// ---- the chain by hand: silu(relu(x + y) 0.5) + x, n a multiple of a vector
#if X86
#define CHAIN(V, W, load, store, set, add, sub, mul, max, fma, fnma, round, power, div)                        \
    for (size_t i = 0; i < n; i += W) {                                                                         \
        const V a = load(x + i), v = mul(max(add(a, load(y + i)), set(0)), set(0.5f));                          \
        const V t = max(sub(set(0), v), set(-87)), k = round(mul(t, set(1.44269504f)));                         \
        const V r = fnma(k, set(-2.12194440e-4f), fnma(k, set(0.693359375f), t));                               \
        V p = fma(set(1.9875691500e-4f), r, set(1.3981999507e-3f));                                             \
        p = fma(fma(fma(fma(p, r, set(8.3334519073e-3f)), r, set(4.1665795894e-2f)), r, set(0.16666665459f)), r, set(0.5f)); \
        const V e = power(fma(fma(p, r, set(1)), r, set(1)), k);                                                \
        store(out + i, add(div(v, add(set(1), e)), a));                                                         \
    }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"      // false alarms of gcc 12's avx512fintrin.h, PR 105593
#endif
#define ROUND(v) _mm512_roundscale_ps(v, 8)
TARGET("avx512f") inline void chain_avx512(const float* x, const float* y, float* out, size_t n) {
    CHAIN(__m512, 16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_add_ps, _mm512_sub_ps,
          _mm512_mul_ps, _mm512_max_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps, ROUND, _mm512_scalef_ps, _mm512_div_ps)
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#undef ROUND
#define ROUND(v) _mm256_round_ps(v, 8)
#define POWER(p, k) _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127)), 23)))
TARGET("avx2,fma") inline void chain_avx2(const float* x, const float* y, float* out, size_t n) {
    CHAIN(__m256, 8, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_add_ps, _mm256_sub_ps,
          _mm256_mul_ps, _mm256_max_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps, ROUND, POWER, _mm256_div_ps)
}
#undef ROUND
#undef POWER
#undef CHAIN
#endif
using Chain = void(const float* x, const float* y, float* out, size_t n);
Chain* chain_by_hand(gllm::Isa isa) {
#if X86
    if (isa == gllm::Isa::avx512) return chain_avx512;
    if (isa == gllm::Isa::avx2)   return chain_avx2;
#endif
    (void)isa;
    return nullptr;
}

/// Two ways to compute the same, lest a row compares with something else.
void check(const char* what, const Floats& a, const Floats& b, size_t n, double most) {
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = std::max(largest, double(std::fabs(a[i] - b[i])));
    if (!(largest <= most)) { printf("%s computes something else: %g\n", what, largest); exit(1); }
}

struct Bench {
    peers::Xsmm&        xsmm;
    peers::OneDnn&      onednn;
    CpuKernels<float>   k;
    gllm::DeviceProfile profile;

    void compile(const CompilerGraph& g, CompiledLayer& layer) const {
        if (gllm::Status s = layer.compile(g, profile); !s) { printf("%s: %s\n", s.what, layer.message()); exit(1); }
    }

    // ---- elementwise: silu(relu(x + y) 0.5) + x, five operations
    void chain(size_t n) const {
        const Floats x = noise(n), y = noise(n);
        Floats out(n), by_hand(n);
        CompilerGraph g;
        const TensorRef a = g.input({1, n}), b = g.input({1, n});
        g.output(g.add(g.op(OpKind::silu, g.scale(g.op(OpKind::relu, g.add(a, b)), 0.5f)), a));
        CompiledLayer layer;
        compile(g, layer);
        const void* const in[] = {x.data(), y.data()};
        void* const to[] = {out.data()};
        const Way compiled = [&] { (void)layer.run(in, to); };
        const Way ops = [&] {
            float* const t = by_hand.data();
            k.vec_add(x.data(), y.data(), t, n);
            k.relu(t, t, n);
            k.vec_scale(t, 0.5f, n);
            k.silu(t, t, n);
            k.vec_add(t, x.data(), t, n);
        };
        const Way copy = [&] {                                  // three streams of n, as it has
            memcpy(by_hand.data(), x.data(), n / 2 * sizeof(float));
            memcpy(by_hand.data() + n / 2, y.data(), n / 2 * sizeof(float));
            memcpy(by_hand.data(), y.data() + n / 2, n / 2 * sizeof(float));
        };
        Chain* const loop = chain_by_hand(profile.isa);
        const bool   in_l1 = n <= 4096;
        const Way    hand = loop ? Way([&] { loop(x.data(), y.data(), by_hand.data(), n); }) : nullptr;
        if (in_l1 && hand) { compiled(), hand(); check("the chain by hand", out, by_hand, n, 1e-5); }
        row("chain of five, " + std::to_string(n) + ", " + layer.backend(), compiled,
            {{"ops", ops}, {"copy", in_l1 ? nullptr : copy}, {"by hand", in_l1 ? hand : nullptr}}, -12.0 * double(n));
    }

    // ---- products: act(x W + b), layer after layer
    void network(const std::string& name, const std::vector<size_t>& widths, size_t rows, OpKind act) const {
        std::vector<Floats> w, b, h = {noise(rows * widths[0])};
        CompilerGraph g;
        TensorRef t = g.input({gllm::any_rows, widths[0]});
        double work = 0;
        for (size_t i = 0; i + 1 < widths.size(); i++) {
            const size_t from = widths[i], to = widths[i + 1];
            w.push_back(noise(from * to)), b.push_back(noise(to)), h.push_back(noise(rows * to));
            t = g.matmul(t, g.weight(("w" + std::to_string(i)).c_str(), {from, to}));
            if (act != OpKind::user) t = g.op(act, g.add(t, g.weight(("b" + std::to_string(i)).c_str(), {to})));
            work += 2 * double(rows * from * to);
        }
        g.output(t);
        CompiledLayer layer;
        compile(g, layer);
        for (size_t i = 0; i < w.size(); i++) {
            (void)layer.bind(("w" + std::to_string(i)).c_str(), w[i].data());
            if (act != OpKind::user) (void)layer.bind(("b" + std::to_string(i)).c_str(), b[i].data());
        }
        Floats out(rows * widths.back());
        std::vector<uint8_t> scratch(layer.scratch_bytes(rows));
        layer.workspace = {scratch.data(), scratch.size()};
        const Way compiled = [&] { (void)layer.run(h[0].data(), out.data(), rows); };
        const Way ops = [&] {
            for (size_t i = 0; i < w.size(); i++) {
                float* const y = h[i + 1].data();
                const size_t n = widths[i + 1];
                (void)k.gemm(h[i].data(), w[i].data(), y, rows, n, widths[i]);
                if (act == OpKind::user) continue;
                for (size_t r = 0; r < rows; r++) k.vec_add(y + r * n, b[i].data(), y + r * n, n);
                k.gelu(y, y, rows * n);
            }
        };
        const bool one = w.size() == 1;
        Way xsmm_way, dnn_way, part;
        Floats other(rows * widths.back());
        peers::Xsmm::Kernel* const small = one ? xsmm.product(profile.isa, rows, widths[1], widths[0]) : nullptr;
        if (small && act == OpKind::user)
            xsmm_way = [&, small] { small(w[0].data(), h[0].data(), other.data()); };
        if (act == OpKind::gelu && onednn.runs_on(profile.isa)) dnn_way = network_of_onednn(widths, rows, w, b, h);
        Floats activated(rows * *std::max_element(widths.begin(), widths.end()));
        if (act == OpKind::gelu)
            part = [&] { for (size_t i = 1; i < h.size(); i++) k.gelu(h[i].data(), activated.data(), h[i].size()); };
        compiled();
        if (xsmm_way) { xsmm_way(); check("libxsmm", out, other, other.size(), 1e-4); }
        if (dnn_way)  { dnn_way();  check("oneDNN", out, h.back(), other.size(), 1e-3); }
        double peak = 0;
        for (int i = 0; i < 5; i++) peak = std::max(peak, machine::fma_peak(profile.isa, gllm::Parallel()));
        row(name + ", rows " + std::to_string(rows), compiled,
            {{"ops", ops}, {"libxsmm", xsmm_way}, {"oneDNN", dnn_way}}, work, peak, part);
    }
    Way network_of_onednn(const std::vector<size_t>& widths, size_t rows, const std::vector<Floats>& w,
                          const std::vector<Floats>& b, std::vector<Floats>& h) const {
        std::vector<const float*> weights, biases;
        std::vector<float*>       values;
        for (size_t i = 0; i < w.size(); i++) { weights.push_back(w[i].data()); biases.push_back(b[i].data()); }
        for (Floats& v : h) values.push_back(v.data());
        return onednn.network(widths, rows, weights, biases, values);
    }

    // ---- a layer of a llama: 2048 wide, 5632 inside, 32 heads of 64 on 8, Q4_K
    struct Llama {
        static constexpr size_t width = 2048, hidden = 5632, heads = 32, kv_heads = 8, dim = 64, kv = kv_heads * dim;
        static constexpr gllm::QuantType type = gllm::QuantType::Q4_K;
        struct Matrix { const char* name; size_t n, k; std::vector<uint8_t> blocks; };
        std::vector<Matrix> matrices = {{"q", width, width, {}}, {"k", kv, width, {}}, {"v", kv, width, {}},
            {"out", width, width, {}}, {"gate", hidden, width, {}}, {"up", hidden, width, {}}, {"down", width, hidden, {}}};
        Floats norm = Floats(width, 1);

        explicit Llama(const CpuKernels<float>& k) {
            for (Matrix& m : matrices) {
                const size_t some = 16, bytes = some * gllm::row_bytes(type, m.k);
                Floats x = noise(some * m.k);
                for (float& v : x) v /= 16;
                m.blocks.resize(bytes * (m.n / some));
                if (!k.quantize(type, x.data(), some, m.k, nullptr, m.blocks.data())) exit(1);
                for (size_t i = 1; i < m.n / some; i++) memcpy(&m.blocks[i * bytes], m.blocks.data(), bytes);
            }
        }
        void build(CompilerGraph& g) const {
            const auto by = [&](TensorRef in, const Matrix& m) { return g.matmul_t(in, g.quant_weight(m.name, type, m.n, m.k)); };
            const TensorRef x = g.input({gllm::any_rows, width});
            const TensorRef c = g.input({gllm::any_rows, dim / 2}), s = g.input({gllm::any_rows, dim / 2});
            const TensorRef h = g.rms_norm(x, g.weight("attn_norm", {width}), 1e-5f);
            const TensorRef q = g.rope(by(h, matrices[0]), c, s, dim, gllm::RopeStyle::half);
            const TensorRef key = g.rope(by(h, matrices[1]), c, s, dim, gllm::RopeStyle::half);
            gllm::CachedAttention a;
            a.head_dim = dim, a.kv_heads = kv_heads;
            const TensorRef heard = g.attention(q, key, by(h, matrices[2]), a);
            const TensorRef y = g.add(x, by(heard, matrices[3]));
            const TensorRef f = g.rms_norm(y, g.weight("ffn_norm", {width}), 1e-5f);
            g.output(g.add(y, by(g.swiglu(by(f, matrices[4]), by(f, matrices[5])), matrices[6])));
        }
        Status bind(CompiledLayer& layer) const {
            Status s = layer.bind("attn_norm", norm.data());
            if (s) s = layer.bind("ffn_norm", norm.data());
            for (const Matrix& m : matrices) if (s) s = layer.bind(m.name, m.blocks.data());
            return s;
        }
    };
    /// The same as calls, in memory that is there already.
    struct Calls {
        const CpuKernels<float>& k;
        const Llama&             l;
        gllm::KvCache&           cache;
        size_t m;
        Floats h = Floats(m * Llama::width), q = h, y = h, key = Floats(m * Llama::kv), value = key,
               gate = Floats(m * Llama::hidden), up = gate;
        std::vector<uint8_t> made = std::vector<uint8_t>(k.prepared_bytes(Llama::type, m, Llama::width));

        void by(size_t i, const Floats& in, Floats& out) {
            const Llama::Matrix& w = l.matrices[i];
            (void)k.matmul(Llama::type, w.blocks.data(), in.data(), out.data(), m, w.n, w.k);
        }
        void by_prepared(size_t i, const Floats& in, Floats& out) {
            const Llama::Matrix& w = l.matrices[i];
            (void)k.matmul_prepared(Llama::type, w.blocks.data(), in.data(), made.data(), out.data(), m, w.n, w.k);
        }
        void prepare(const float* x) {                          // the norm of x, for those that share it
            for (size_t r = 0; r < m; r++) k.rms_norm(x + r * Llama::width, l.norm.data(), &h[r * Llama::width], Llama::width, 1e-5f);
            (void)k.prepare(Llama::type, h.data(), m, Llama::width, made.data());
        }
        void run(const Floats& x, const Floats& c, const Floats& s, Floats& out) {
            prepare(x.data());
            by_prepared(0, h, q), by_prepared(1, h, key), by_prepared(2, h, value);
            for (size_t r = 0; r < m; r++) {
                const size_t at = r * Llama::dim / 2;
                k.rope(&q[r * Llama::width], &c[at], &s[at], Llama::heads, Llama::dim, gllm::RopeStyle::half);
                k.rope(&key[r * Llama::kv], &c[at], &s[at], Llama::kv_heads, Llama::dim, gllm::RopeStyle::half);
            }
            gllm::AttentionArgs<float> a;
            (void)cache.append(0, 0, key.data(), value.data(), m);
            a.kv = cache.view(0, 0);
            a.q = q.data(), a.out = q.data(), a.m = m, a.heads = Llama::heads, a.position = a.kv.length - m;
            (void)k.attention(a);
            by(3, q, y);
            k.vec_add(y.data(), x.data(), y.data(), y.size());
            prepare(y.data());
            by_prepared(4, h, gate), by_prepared(5, h, up);
            k.swiglu(gate.data(), up.data(), gate.data(), gate.size());
            by(6, gate, out);
            k.vec_add(y.data(), out.data(), out.data(), out.size());
        }
    };
    void llama(const Llama& l, size_t rows) const {
        const Floats x = noise(rows * Llama::width), c = noise(rows * Llama::dim / 2), s = noise(rows * Llama::dim / 2);
        constexpr size_t before = 128;                          // tokens that are there
        gllm::KvCache cache;
        gllm::KvCacheConfig config;
        config.layers = 1, config.kv_heads = Llama::kv_heads, config.head_dim = Llama::dim, config.pages = 64;
        const Floats filled = noise(before * Llama::kv);
        if (!cache.init(config) || !cache.append(0, 0, filled.data(), filled.data(), before)) exit(1);
        CompilerGraph g;
        CompiledLayer layer;
        l.build(g);
        compile(g, layer);
        if (!l.bind(layer)) exit(1);
        Floats out(rows * Llama::width), other = out;
        const void* const in[] = {x.data(), c.data(), s.data()};
        void* const to[] = {out.data()};
        std::vector<uint8_t> scratch(layer.scratch_bytes(rows, before + rows));
        layer.workspace = {scratch.data(), scratch.size()};
        Calls calls{k, l, cache, rows};
        const Way compiled = [&] {
            if (!layer.run(in, to, rows, {&cache, nullptr, 0})) exit(1);
            (void)cache.truncate(0, before);
        };
        const Way by_calls = [&] { calls.run(x, c, s, other); (void)cache.truncate(0, before); };
        compiled(), by_calls();
        check("the sequence of calls", out, other, out.size(), 1e-3);
        double weights = 0, values = -double(out.size());
        for (const Llama::Matrix& m : l.matrices) weights += double(m.n * m.k);
        for (const gllm::SemanticNode& n : layer.dag()->nodes) if (n.inputs) values += double(rows * n.desc.cols);
        row("llama layer, Q4_K, rows " + std::to_string(rows), compiled, {{"calls", by_calls}}, 2 * weights * double(rows));
        printf("  %-34s %10.2f of the bytes of its intermediates\n", "scratch", double(scratch.size()) / values / sizeof(float));
    }

    void compiling(const char* name, const CompilerGraph& g) const {
        gllm::CompilationCache cache;
        const Way cached = [&] { CompiledLayer* l = nullptr; (void)cache.take(g, profile, &l); cache.give_back(l); };
        std::vector<double> cold;
        for (int i = 0; i < 300; i++) cold.push_back(seconds_to_compile(g, profile));
        const double found = machine::median(measure({cached})[0]);
        printf("  %-34s %10.2f us, cached %.2f us\n", name, machine::median(cold) * 1e6, found * 1e6);
    }
    static double seconds_to_compile(const CompilerGraph& g, const gllm::DeviceProfile& profile) {
        CompiledLayer layer;
        const double start = machine::now();
        if (gllm::Status s = layer.compile(g, profile); !s) { printf("%s: %s\n", s.what, layer.message()); exit(1); }
        return machine::now() - start;
    }
    static void build_network(CompilerGraph& g) {
        TensorRef t = g.input({gllm::any_rows, 64});
        const size_t widths[] = {64, 256, 256, 32};
        const char* const names[] = {"w0", "b0", "w1", "b1", "w2", "b2"};
        for (size_t i = 0; i < 3; i++) {
            const TensorRef w = g.weight(names[2 * i], {widths[i], widths[i + 1]});
            t = g.add(g.matmul(t, w), g.weight(names[2 * i + 1], {widths[i + 1]}));
            if (i < 2) t = g.op(OpKind::gelu, t);
        }
        g.output(t);
    }
    void compiling() const {
        CompilerGraph g;
        build_network(g);
        compiling("compile 64-256-256-32", g);
    }
    static void compiling_first() {
        const gllm::DeviceProfile host = gllm::DeviceProfile::host();
        CompilerGraph g;
        build_network(g);
        printf("compile 64-256-256-32 on %s, first %13.2f us\n", gllm::isa_name(host.isa),
               seconds_to_compile(g, host) * 1e6);
    }
};

} // namespace

int main() {
    Bench::compiling_first();
    peers::Xsmm   xsmm;
    peers::OneDnn onednn;
    if (!xsmm.there())   printf("no libxsmm.so.1 here: its figures are left out\n");
    if (!onednn.there()) printf("no libdnnl.so.2 here: its figures are left out\n");
    for (gllm::Isa isa : gllm::all_isas) {
        if (gllm::isa_presence(isa) != gllm::Presence::native) continue;
        Bench b{xsmm, onednn, {}, gllm::DeviceProfile::host()};
        b.profile.isa = isa;
        if (!b.k.select(isa)) continue;
        printf("%s\n", gllm::isa_name(isa));
        b.chain(1024);
        if (isa != gllm::Isa::scalar) b.chain(size_t(16) << 20);
        for (size_t n : {size_t(16), size_t(32), size_t(37), size_t(64)}) {
            const std::string cube = std::to_string(n) + "^3";
            b.network(cube, {n, n}, n, OpKind::user);
            b.network(cube + ", bias, gelu", {n, n}, n, OpKind::gelu);
        }
        for (size_t rows : {size_t(1), size_t(8), size_t(64), size_t(256)})
            b.network("64-256-256-32 of gelu", {64, 256, 256, 32}, rows, OpKind::gelu);
        const Bench::Llama llama(b.k);
        if (isa != gllm::Isa::scalar)
            for (size_t rows : {size_t(1), size_t(64)}) b.llama(llama, rows);
        b.compiling();
        CompilerGraph layer;
        llama.build(layer);
        b.compiling("compile a llama layer", layer);
    }
}
