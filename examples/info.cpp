// info: what this build of gllm_kernels holds and what this CPU offers. GLLM_KERNELS_ISA narrows it: see the manual.
// SPDX-License-Identifier: MIT
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#include <stdio.h>

int main() {
    printf("gllm_kernels %d.%d.%d\n\ninstruction sets\n", GLLM_KERNELS_VERSION_MAJOR, GLLM_KERNELS_VERSION_MINOR,
           GLLM_KERNELS_VERSION_PATCH);
    static const char* const presence[] = {"absent", "emulated", "native"};
    for (gllm::Isa isa : gllm::all_isas)
        printf("  %-7s %-9s%s\n", gllm::isa_name(isa), presence[static_cast<int>(gllm::isa_presence(isa))],
               isa == gllm::best_isa() ? " chosen" : "");

    const gllm::CpuFeatures& f = gllm::cpu_features();
    const struct { const char* name; bool present; } features[] = {
        {"avx2", f.avx2}, {"avx512", f.avx512}, {"neon", f.neon}, {"f16c", f.f16c}, {"fma", f.fma}, {"avx_vnni", f.avx_vnni},
        {"avx512_vnni", f.avx512_vnni}, {"avx512_vbmi", f.avx512_vbmi}, {"avx512_bitalg", f.avx512_bitalg}, {"gfni", f.gfni},
        {"avx512_bf16", f.avx512_bf16}, {"avx512_fp16", f.avx512_fp16}, {"amx_int8", f.amx_int8}, {"amx_bf16", f.amx_bf16},
        {"neon_dotprod", f.neon_dotprod}, {"neon_fp16", f.neon_fp16}, {"neon_i8mm", f.neon_i8mm}, {"neon_bf16", f.neon_bf16},
        {"sve", f.sve}, {"sve2", f.sve2},
    };
    printf("\nfeatures detected\n ");
    for (const auto& feature : features)
        if (feature.present) printf(" %s", feature.name);

    printf("\n\nelement types\n  f32 4 bytes, f16 2 bytes, bf16 2 bytes\n\nblock formats\n  %-8s %8s %6s %5s %12s\n",
           "name", "weights", "bytes", "bits", "bits/weight");
    for (int i = 0; i < gllm::quant_type_count; i++) {
        const gllm::QuantType type = static_cast<gllm::QuantType>(i);
        const size_t weights = gllm::block_size(type), bytes = gllm::block_bytes(type);
        printf("  %-8s %8zu %6zu %5d %12.4f\n", gllm::quant_name(type), weights, bytes, gllm::bits(type),
               8.0 * static_cast<double>(bytes) / static_cast<double>(weights));
    }
}
