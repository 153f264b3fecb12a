#!/usr/bin/env bash
# copies.sh [COMPILER]: three copies of the library in one process, one of them without the IQ formats: two in shared objects that are loaded
# with RTLD_GLOBAL in either order, one in the program. Each answers for itself, and no symbol of it leaves its module. Last
# "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/build/check.sh
cxx=${1:-g++}

cat >"$tmp/copy.cpp" <<'END_OF_COPY'
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
__attribute__((visibility("hidden"))) int answer();
int answer() {                                  // 1: has IQ4_NL; 0: refuses it; -1: wrong
    static unsigned char block[18] = { 0, 0x3c, 0x88 };
    float x[32], y = 0;
    for (float& v : x) v = 1;
    gllm::CpuKernels<float> k;
    gllm::Status s = k.matmul(gllm::QuantType::Q4_0, block, x, &y, 1, 1, 32);
    if (!s || y != -240) return -1;             // 2 codes 0, 30 codes -8
    s = k.matmul(gllm::QuantType::IQ4_NL, block, x, &y, 1, 1, 32);
    return s ? 1 : s.code == gllm::Code::unsupported ? 0 : -1;
}
END_OF_COPY
cat >"$tmp/shared.cpp" <<'END_OF_SHARED'
int answer();
extern "C" __attribute__((visibility("default"))) int ANSWER();
extern "C" int ANSWER() { return answer(); }
END_OF_SHARED
cat >"$tmp/program.cpp" <<'END_OF_PROGRAM'
#include <dlfcn.h>
#include <stdio.h>
int answer();
int main(int, char** argv) {
    void *a = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL), *b = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
    if (!a || !b) { puts(dlerror()); return 1; }
    int (*full)(), (*less)();
    *reinterpret_cast<void**>(&full) = dlsym(RTLD_DEFAULT, "full");
    *reinterpret_cast<void**>(&less) = dlsym(RTLD_DEFAULT, "less");
    const int of_full = full ? full() : -2, of_less = less ? less() : -2, own = answer();
    if (of_full == 1 && of_less == 0 && own == 1) return 0;
    printf("full %d, less %d, program %d\n", of_full, of_less, own);
    return 1;
}
END_OF_PROGRAM

copy() { $cxx -std=c++17 -O0 -fPIC -I. -DGLLM_KERNELS_ASM "$@" -c "$tmp/copy.cpp"; }
link() { $cxx -std=c++17 -O0 "$@" "$tmp"/make/obj/asm/*/*.o -pthread; }
none() { ! nm -D --defined-only "$1" | grep -v '_ZN4gllm[89][A-Za-z]*C[12]Ev' | grep -i 'gllm\| gk_'; }     # -O0 keeps what sets the defaults of plain structs
check "the assembly"                    sh -c "make -s CXX='$cxx' B='$tmp/make' asm >/dev/null"
copy -o "$tmp/full.o" &
check "a copy without IQ"               copy -DGLLM_KERNELS_NO_IQ -o "$tmp/less.o"
wait
check "in a shared object"              link -fPIC -shared -DANSWER=full "$tmp/shared.cpp" "$tmp/full.o" -o "$tmp/full.so"
check "without IQ, in another"          link -fPIC -shared -DANSWER=less "$tmp/shared.cpp" "$tmp/less.o" -o "$tmp/less.so"
check "in a program that exports all"   link -rdynamic "$tmp/program.cpp" "$tmp/full.o" -o "$tmp/program" -ldl
for module in full.so less.so program; do check "no symbol leaves $module" none "$tmp/$module"; done
check "each answers for itself"                 "$tmp/program" "$tmp/full.so" "$tmp/less.so"
check "each answers for itself, in the other order" "$tmp/program" "$tmp/less.so" "$tmp/full.so"
finish
