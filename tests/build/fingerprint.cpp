// fingerprint: the chosen instruction set, and a hash of what every operation computes on each set that is present, a line for each.
// Two builds that differ in compiler flags must print the same. With LINKED, the implementation is in another file.
// SPDX-License-Identifier: MIT
#ifndef LINKED
#define GLLM_KERNELS_IMPLEMENTATION
#endif
#include "gllm_kernels.hpp"
#include <stdio.h>
#include <string.h>
#include <vector>

using namespace gllm;

// This file may be compiled with parts of fast-math: what touches a NaN here works on bits.
static const uint32_t special[] = { 0x7fc00000, 0x7f800000, 0xff800000, 0x80000000, 0, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff,
                                    0xff7fffff, 0x42b17217, 0x42b17219, 0xc2ce0000, 0xc2cff1b4, 0xc2aeac50, 0x41100000, 0x33800000 };
static const size_t n = 773, m = 19, k = 512;

struct Data {
    std::vector<float> x, y, odd;                // plain numbers to 2, the same, and from -100 to 100 after the special ones
    std::vector<unsigned char> blocks;           // any codes, with scales that are mostly numbers
    Data() : x(n * k), y(n * k), odd(n), blocks(n * k * 4) {
        uint32_t seed = 1;
        for (size_t i = 0; i < x.size(); i++) {
            seed = seed * 1664525u + 1013904223u;
            x[i] = static_cast<float>(static_cast<int32_t>(seed)) * 1e-9f;
            y[i] = static_cast<float>(static_cast<int32_t>(seed * 2654435761u)) * 1e-9f;
        }
        for (size_t i = 0; i < n; i++) odd[i] = x[i] * 50.0f;
        memcpy(odd.data(), special, sizeof special);
        memcpy(blocks.data(), x.data(), blocks.size());
    }
};

template <class E> static std::vector<E> narrowed(const std::vector<float>& from) {
    CpuKernels<E> c;
    std::vector<E> to(from.size());
    if (c.select(Isa::scalar)) c.table().narrow(from.data(), to.data(), to.size());
    return to;
}

template <class E> static bool show(const char* elem, const Data& data) {
    const std::vector<E> px = narrowed<E>(data.x), py = narrowed<E>(data.y), podd = narrowed<E>(data.odd);
    const E *x = px.data(), *y = py.data(), *odd = podd.data(), *tame = x + n;
    std::vector<E> out(n * k);
    std::vector<float> wide(n * k);
    for (int i = 0; i < 4; i++) {
        CpuKernels<E> c, scalar;
        if (!c.select(static_cast<Isa>(i)) || !scalar.select(Isa::scalar)) continue;
        const auto hash = [&](const char* op, const char* of, size_t count) {
            uint64_t h = 1469598103934665603u;
            for (size_t j = 0; j < count; j++) {
                uint32_t bits;
                memcpy(&bits, &wide[j], 4);
                if ((bits & 0x7fffffff) > 0x7f800000) bits = 0x7fc00000;       // a NaN is a NaN, whatever its sign and payload
                h = (h ^ bits) * 1099511628211u;
            }
            printf("%s %s %s%s %016llx\n", isa_name(c.isa()), elem, op, of, static_cast<unsigned long long>(h));
        };
        const auto result = [&](const char* op, const char* of, size_t count) {
            scalar.table().widen(out.data(), wide.data(), count);
            hash(op, of, count);
        };
        for (const E* in : { odd, tame }) {
            const char* const of = in == odd ? " of special numbers" : "";
            const auto one = [&](const char* op, E value) { out[0] = value; result(op, of, 1); };
            one("vec_dot",         c.vec_dot(in, y, n));
            one("vec_sum",         c.vec_sum(in, n));
            one("vec_max",         c.vec_max(in, n));
            one("vec_max, no NaN", c.vec_max(in + 1, n - 1));
            one("vec_sum_squares", c.vec_sum_squares(in, n));
            c.vec_add(in, y, out.data(), n);                                result("vec_add", of, n);
            c.vec_sub(in, y, out.data(), n);                                result("vec_sub", of, n);
            c.vec_mul(in, y, out.data(), n);                                result("vec_mul", of, n);
            memcpy(out.data(), in, n * sizeof(E));
            c.vec_scale(out.data(), 0.3f, n);                               result("vec_scale", of, n);
            c.vec_axpy(out.data(), 0.7f, y, n);                             result("vec_axpy", of, n);
            c.silu(in, out.data(), n);                                      result("silu", of, n);
            c.gelu(in, out.data(), n);                                      result("gelu", of, n);
            c.gelu_erf(in, out.data(), n);                                  result("gelu_erf", of, n);
            c.gelu_quick(in, out.data(), n);                                result("gelu_quick", of, n);
            c.relu(in, out.data(), n);                                      result("relu", of, n);
            c.tanh(in, out.data(), n);                                      result("tanh", of, n);
            c.exp(in, out.data(), n);                                       result("exp", of, n);
            c.swiglu(in, y, out.data(), n);                                 result("swiglu", of, n);
            c.softmax(in, out.data(), n);                                   result("softmax", of, n);
            c.softmax(in + 2, out.data(), n - 2);                           result("softmax after -inf", of, n - 2);
            c.rms_norm(in, y, out.data(), n, 1e-5f);                        result("rms_norm", of, n);
            c.layer_norm(in, y, x + n, out.data(), n, 1e-5f);               result("layer_norm", of, n);
            memcpy(out.data(), in, 4 * 96 * sizeof(E));
            c.rope(out.data(), x, y, 4, 96, RopeStyle::half);               result("rope", of, 4 * 96);
            c.gemv(in, y, out.data(), 1, n);                                result("gemv of one row", of, 1);
        }
        for (size_t j = 0; j < n; j++) out[j] = podd[2];
        c.softmax(out.data(), out.data(), n);                               result("softmax of -inf", "", n);
        c.gemv(x, y, out.data(), n, k);                                     result("gemv", "", n);
        if (!c.gemm(x, y, out.data(), m, n, k)) return false;
        result("gemm", "", m * n);
        if (!c.gemm_q8(data.blocks.data(), x, out.data(), y, 3, 31, k)) return false;
        result("gemm_q8", "", 3 * 31);
        for (size_t t = 0; t < quant_type_count; t++) {
            const QuantType type = static_cast<QuantType>(t);
            if (!c.dequant(type, data.blocks.data(), wide.data(), 8 * k)) return false;
            hash("dequant ", quant_name(type), 8 * k);
            for (Precision p : { Precision::exact, Precision::fast }) {
                if (!c.matmul(type, data.blocks.data(), x, out.data(), 3, 31, k, p)) return false;
                result(p == Precision::fast ? "matmul, fast, " : "matmul ", quant_name(type), 3 * 31);
            }
        }
    }
    return true;
}

int main() {
    const Data data;
    printf("best: %s\n", isa_name(best_isa()));
    return show<float>("f32", data) && show<f16>("f16", data) && show<bf16>("bf16", data) ? 0 : 1;
}
