// accuracy: activations within 4 ulp, NaN and infinities, and a rounded product near the exact one, on each set that is present. For compilers
// that keep to the promises but not to the bits when a user's flags ask for parts of fast-math. SPDX-License-Identifier: MIT
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#include <math.h>
#include <stdio.h>
#include <vector>

static double tanh_form(double x) { const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x); return x / (1 + exp(-2 * u)); }
static double silu(double x)      { return x / (1 + exp(-x)); }
static double own_exp(double x)   { return exp(x); }
static double own_tanh(double x)  { return tanh(x); }

int main() {
    using namespace gllm;
    const size_t n = 1 << 16;
    std::vector<float> x(n), y(n);
    for (size_t i = 0; i < n; i++) x[i] = -20 + 40 * static_cast<float>(i) / static_cast<float>(n);
    bool ok = true;
    for (Isa isa : gllm::all_isas) {
        CpuKernels<float> k;
        if (!k.select(isa)) continue;
        const auto expect = [&](const char* what, bool right) {
            if (!right) printf("%s: %s\n", isa_name(isa), what);
            ok &= right;
        };
        const auto within = [&](const char* what, double (*exact)(double)) {
            double worst = 0;
            for (size_t i = 0; i < n; i++) {
                const double want = exact(static_cast<double>(x[i])), ulp = ldexp(1.0, ilogb(want) - 23);
                if (fabs(want) > 1.2e-38) worst = fmax(worst, fabs(static_cast<double>(y[i]) - want) / ulp);
            }
            expect(what, worst <= 4);
        };
        k.exp(x.data(), y.data(), n);    within("exp", own_exp);
        k.tanh(x.data(), y.data(), n);   within("tanh", own_tanh);
        k.silu(x.data(), y.data(), n);   within("silu", silu);
        k.gelu(x.data(), y.data(), n);   within("gelu", tanh_form);

        uint32_t nan_bits = 0x7fc00000u, inf_bits = 0xff800000u;
        std::vector<float> odd(33, 1.0f), masked(33);
        memcpy(&odd[20], &nan_bits, 4);
        for (float& v : masked) memcpy(&v, &inf_bits, 4);
        const float most = k.vec_max(odd.data(), odd.size());
        uint32_t got;
        memcpy(&got, &most, 4);
        expect("vec_max of a NaN", (got & 0x7fffffffu) > 0x7f800000u);
        k.softmax(masked.data(), masked.data(), masked.size());
        for (float v : masked) expect("softmax of a masked row", v == 0);

        float exact = 0, fast = 0;
        std::vector<unsigned char> blocks(18 * 128);                 // Q4_0: d = 1, codes in turn
        for (size_t i = 0; i < blocks.size(); i++) blocks[i] = i % 18 == 0 ? 0 : i % 18 == 1 ? 0x3c : static_cast<unsigned char>(i * 37);
        expect("products", k.matmul(QuantType::Q4_0, blocks.data(), x.data(), &exact, 1, 1, 4096) &&
                           k.matmul(QuantType::Q4_0, blocks.data(), x.data(), &fast, 1, 1, 4096, Precision::fast));
        expect("a rounded product", fabsf(exact - fast) <= 4096 * 20.0f * 4 / 250);
    }
    return ok ? 0 : 1;
}
