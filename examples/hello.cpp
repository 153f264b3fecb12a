// hello: a first program. Build: g++ -O2 -std=c++17 -I. examples/hello.cpp -o hello
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#include <stdio.h>

int main() {
    gllm::CpuKernels<float> k;                            // the best instruction set of this CPU
    printf("isa: %s\n", gllm::isa_name(k.isa()));

    const float x[4] = {1, 2, 3, 4}, weight[4] = {1, 1, 2, 2};
    float normed[4];
    k.rms_norm(x, weight, normed, 4, 1e-5f);
    printf("rms_norm: %.4f %.4f %.4f %.4f\n", double(normed[0]), double(normed[1]), double(normed[2]), double(normed[3]));

    unsigned char block[144] = {0x00, 0x2c, 0, 0,  1, 1, 1, 1,  0, 0, 0, 0,  1, 1, 1, 1};   // Q4_K: d = 1/16, every scale 1
    for (int i = 16; i < 144; i++) block[i] = 0x42;       // codes 2 and 4, by groups of 32 in turn
    float input[256], output[1];
    for (float& v : input) v = 0.5f;
    gllm::Status s = k.matmul(gllm::QuantType::Q4_K, block, input, output, 1, 1, 256);
    printf("matmul: %.4f\n", double(output[0]));          // 256 * 0.5 * 3/16

    s = k.matmul(gllm::QuantType::Q4_K, block, input, output, 1, 1, 100);
    if (!s) printf("k = 100: %s\n", s.what);
}
