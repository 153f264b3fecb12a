// compiler: what compiled graphs bring against the same operations one by one, on every instruction set of this CPU.
// SPDX-License-Identifier: MIT
//
//   make build/compiler && build/compiler            GLLM_KERNELS_ISA=avx2 and the like narrow it
//
// time     median of samples of at least a fifth of a millisecond, the two ways, and a copy where there is one, in turn
// ops      how many times as long the operations take one by one: median of the pairwise ratios
// F        of products: which share of the multiply-add peak of this set, measured beside it, all of run() comes to
// copy     how many times as long memcpy takes for as much read and written: operands and results, no intermediates
// compile  from a graph to a layer that can run; cached: the same from a CompilationCache that has it
#define GLLM_KERNELS_IMPLEMENTATION
#define GLLM_KERNELS_COMPILER
#include "gllm_kernels.hpp"
#include "machine.hpp"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

using gllm::CompiledLayer;
using gllm::CompilerGraph;
using gllm::CpuKernels;
using gllm::OpKind;
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
/// The layer, operation by operation, a copy if there is one; flops or, where negative, bytes; F of products, or 0.
void row(const std::string& name, const std::vector<Way>& ways, double work, double peak = 0) {
    const auto t = measure(ways);
    const double s = machine::median(t[0]);
    printf("  %-34s %10.2f us %8.1f %-7s %6.2fx ops", name.c_str(), s * 1e6, (work < 0 ? -work : work) / s * 1e-9,
           work < 0 ? "GB/s" : "GFLOP/s", ratio(t[1], t[0]));
    if (peak != 0) printf(" %5.2f F", work / s / peak);
    if (ways.size() > 2) printf(" %6.2fx copy", ratio(t[2], t[0]));
    printf("\n");
    fflush(stdout);
}

struct Bench {
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
        row("chain of five, " + std::to_string(n) + ", " + layer.backend(), {compiled, ops, copy}, -12.0 * double(n));
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
        double peak = 0;
        for (int i = 0; i < 5; i++) peak = std::max(peak, machine::fma_peak(profile.isa, gllm::Parallel()));
        row(name + ", rows " + std::to_string(rows), {compiled, ops}, work, peak);
    }

    void compiling() const {
        const auto build = [](CompilerGraph& g) {
            TensorRef t = g.input({gllm::any_rows, 64});
            const size_t widths[] = {64, 256, 256, 32};
            const char* const names[] = {"w0", "b0", "w1", "b1", "w2", "b2"};
            for (size_t i = 0; i < 3; i++) {
                const TensorRef w = g.weight(names[2 * i], {widths[i], widths[i + 1]});
                t = g.add(g.matmul(t, w), g.weight(names[2 * i + 1], {widths[i + 1]}));
                if (i < 2) t = g.op(OpKind::gelu, t);
            }
            g.output(t);
        };
        CompilerGraph g;
        build(g);
        gllm::CompilationCache cache;
        const Way cold = [&] { CompiledLayer layer; compile(g, layer); };
        const Way cached = [&] { CompiledLayer* l = nullptr; (void)cache.take(g, profile, &l); cache.give_back(l); };
        const auto t = measure({cold, cached});
        printf("  %-34s %10.2f us, cached %.2f us\n", "compile 64-256-256-32", machine::median(t[0]) * 1e6,
               machine::median(t[1]) * 1e6);
    }
};

} // namespace

int main() {
    for (gllm::Isa isa : gllm::all_isas) {
        if (gllm::isa_presence(isa) != gllm::Presence::native) continue;
        Bench b;
        b.profile = gllm::DeviceProfile::host();
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
        b.compiling();
    }
}
