// policy: the network that decides for the characters of a game, as one compiled call. 64 numbers that a character sees
// become the probabilities of 32 actions; one character is asked each frame, or a crowd of them at once.
//
//   build/policy              the plan, what was chosen, and the time against the same operations one by one
//   build/policy --dot        the plan as a drawing: build/policy --dot | dot -Tsvg >policy.svg
//
// SPDX-License-Identifier: MIT
#define GLLM_KERNELS_IMPLEMENTATION
#define GLLM_KERNELS_COMPILER
#include "gllm_kernels.hpp"

#include <stdio.h>
#include <string.h>
#include <algorithm>
#include <chrono>
#include <vector>

using Floats = std::vector<float>;
constexpr size_t SEES = 64, HIDDEN = 256, ACTIONS = 32;

/// What training would have left; here, noise.
struct Weights {
    Floats norm = noise(SEES, 1), w1 = noise(SEES * HIDDEN, 0.2f), b1 = noise(HIDDEN, 0.1f);
    Floats w2 = noise(HIDDEN * HIDDEN, 0.1f), b2 = noise(HIDDEN, 0.1f);
    Floats w3 = noise(HIDDEN * ACTIONS, 0.3f), b3 = noise(ACTIONS, 0.1f);
    static Floats noise(size_t n, float scale) {
        static unsigned state = 1;
        Floats x(n);
        for (float& v : x) v = scale * (static_cast<float>((state = state * 1664525 + 1013904223) >> 8) / 8388608 - 1);
        return x;
    }
};

// ---- the network, compiled ----------------------------------------------------------

static gllm::Status make_policy(gllm::CompiledLayer& policy, const Weights& w) {
    gllm::CompilerGraph g;
    const auto dense = [&g](gllm::TensorRef x, const char* weight, const char* bias, size_t from, size_t to) {
        return g.add(g.matmul(x, g.weight(weight, {from, to})), g.weight(bias, {to}));
    };
    const gllm::TensorRef seen = g.input({gllm::any_rows, SEES}, gllm::DType::f32, "seen");
    const gllm::TensorRef x = g.rms_norm(seen, g.weight("norm", {SEES}), 1e-5f);
    const gllm::TensorRef h = g.op(gllm::OpKind::gelu, dense(x, "w1", "b1", SEES, HIDDEN));
    const gllm::TensorRef i = g.op(gllm::OpKind::gelu, dense(h, "w2", "b2", HIDDEN, HIDDEN));
    g.output(g.softmax(dense(i, "w3", "b3", HIDDEN, ACTIONS)));

    if (gllm::Status s = policy.compile(g, gllm::DeviceProfile::host()); !s) return s;
    const struct { const char* name; const Floats& data; } all[] = {
        {"norm", w.norm}, {"w1", w.w1}, {"b1", w.b1}, {"w2", w.w2}, {"b2", w.b2}, {"w3", w.w3}, {"b3", w.b3},
    };
    for (const auto& weight : all)
        if (gllm::Status s = policy.bind(weight.name, weight.data.data()); !s) return s;
    return {gllm::Code::ok, ""};
}

// ---- and by hand ---------------------------------------------------------------------

static void by_hand(const gllm::CpuKernels<float>& k, const Weights& w, const float* seen, float* out, size_t rows) {
    static Floats x, h, i;
    x.resize(rows * SEES), h.resize(rows * HIDDEN), i.resize(rows * HIDDEN);
    k.rms_norm_rows(seen, w.norm.data(), x.data(), rows, SEES, 1e-5f);
    k.gemm_bias_act(x.data(), w.w1.data(), w.b1.data(), h.data(), rows, HIDDEN, SEES, gllm::Activation::gelu);
    k.gemm_bias_act(h.data(), w.w2.data(), w.b2.data(), i.data(), rows, HIDDEN, HIDDEN, gllm::Activation::gelu);
    k.gemm_bias(i.data(), w.w3.data(), w.b3.data(), out, rows, ACTIONS, HIDDEN);
    for (size_t r = 0; r < rows; r++) k.softmax(out + r * ACTIONS, out + r * ACTIONS, ACTIONS);
}

/// The least of many, in microseconds.
template <class F> static double time_of(const F& f) {
    double best = 1e9;
    for (int i = 0; i < 300; i++) {
        const auto begin = std::chrono::steady_clock::now();
        for (int j = 0; j < 8; j++) f();
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count() / 8);
    }
    return best;
}

int main(int argc, char** argv) {
    const Weights w;
    gllm::CompiledLayer policy;
    if (gllm::Status s = make_policy(policy, w); !s) {
        printf("%s %s\n", s.what, policy.message());
        return 1;
    }
    const auto print = [](void*, const char* text, size_t n) { fwrite(text, 1, n, stdout); };
    if (argc > 1 && strcmp(argv[1], "--dot") == 0) {
        policy.dot(print, nullptr);
        return 0;
    }
    policy.describe(print, nullptr);

    const gllm::CpuKernels<float> k;
    for (const size_t rows : {size_t(1), size_t(8), size_t(64)}) {
        const Floats seen = Weights::noise(rows * SEES, 1);
        Floats a(rows * ACTIONS), b(rows * ACTIONS);
        if (gllm::Status s = policy.run(seen.data(), a.data(), rows); !s) {
            printf("%s\n", policy.message());
            return 1;
        }
        by_hand(k, w, seen.data(), b.data(), rows);
        const size_t first = static_cast<size_t>(std::max_element(a.begin(), a.begin() + ACTIONS) - a.begin());
        const size_t same = static_cast<size_t>(std::max_element(b.begin(), b.begin() + ACTIONS) - b.begin());
        const double compiled = time_of([&] { (void)policy.run(seen.data(), a.data(), rows); });
        const double hand = time_of([&] { by_hand(k, w, seen.data(), b.data(), rows); });
        printf("\n%zu characters: the first does %zu, by hand %zu; compiled %.1f us, by hand %.1f us\n", rows, first,
               same, compiled, hand);
    }
}
