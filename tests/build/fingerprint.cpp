// fingerprint: the chosen instruction set, and a hash of what every operation family computes on each set that is present. Two builds
// that differ in compiler flags must print the same. SPDX-License-Identifier: MIT
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#include <stdio.h>
#include <vector>

static uint64_t hash(uint64_t h, const void* p, size_t bytes) {
    const unsigned char* b = static_cast<const unsigned char*>(p);
    for (size_t i = 0; i < bytes; i++) h = (h ^ b[i]) * 1099511628211u;
    return h;
}

int main() {
    using namespace gllm;
    printf("best: %s\n", isa_name(best_isa()));
    const size_t n = 773, m = 19, k = 512;
    std::vector<float> x(n * k), y(n * k), out(n * k);
    uint32_t seed = 1;
    for (size_t i = 0; i < x.size(); i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = static_cast<float>(static_cast<int32_t>(seed)) * 1e-9f;
        y[i] = static_cast<float>(static_cast<int32_t>(seed * 2654435761u)) * 1e-9f;
    }
    for (int i = 0; i < 4; i++) {
        CpuKernels<float> c;
        if (!c.select(static_cast<Isa>(i))) continue;
        printf("%s:", isa_name(c.isa()));
        const auto show = [&](size_t count) {
            for (size_t j = 0; j < count; j++) if (out[j] != out[j]) out[j] = 0;      // a NaN is a NaN, whatever its sign and payload
            printf(" %016llx", static_cast<unsigned long long>(hash(1469598103934665603u, out.data(), count * 4)));
        };
        c.silu(x.data(), out.data(), n);       show(n);
        c.gelu(x.data(), out.data(), n);       show(n);
        c.softmax(x.data(), out.data(), n);    show(n);
        c.layer_norm(x.data(), y.data(), x.data() + n, out.data(), n, 1e-5f);  show(n);
        c.gemv(x.data(), y.data(), out.data(), n, k);                          show(n);
        if (!c.gemm(x.data(), y.data(), out.data(), m, n, k)) return 1;
        show(m * n);
        for (size_t t = 0; t < quant_type_count; t++) {        // the bits of x as blocks: any codes, and scales that are mostly numbers
            const QuantType type = static_cast<QuantType>(t);
            if (!c.matmul(type, x.data(), y.data(), out.data(), 3, 31, k)) return 1;
            show(3 * 31);
            if (!c.matmul(type, x.data(), y.data(), out.data(), 3, 31, k, Precision::fast)) return 1;
            show(3 * 31);
        }
        printf("\n");
    }
}
