#!/usr/bin/env bash
# compile.sh COMPILER...: what the header promises to whoever compiles it, checked with each compiler. One line for each
# check, and last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/build/check.sh
W="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror"

cat >"$tmp/implementation.cpp" <<'END'
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
END
cat >"$tmp/macros.cpp" <<'END'
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#include "gllm_kernels.hpp"
#include "gllm_kernels.hpp"
int main() { return gllm::CpuKernels<float>().isa() > gllm::Isa::neon; }
END
cat >"$tmp/user.cpp" <<'END'
#include "gllm_kernels.hpp"
#include "gllm_kernels.hpp"
extern float other(const float* x);
int main() {
    const float x[3] = { 1, 2, 3 };
    gllm::CpuKernels<float> k;
    return k.vec_dot(x, x, 3) == 14 && other(x) == 14 && gllm::isa_name(k.isa()) ? 0 : 1;
}
END
cat >"$tmp/other.cpp" <<'END'
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#include "gllm_kernels.hpp"
float other(const float* x) { return gllm::CpuKernels<float>().vec_dot(x, x, 3); }
END
cat >"$tmp/private.cpp" <<'END'
#define GLLM_KERNELS_STATIC
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
#ifdef OTHER
float other(const float* x) { return gllm::CpuKernels<float>().vec_dot(x, x, 3); }
#else
extern float other(const float* x);
int main() {
    const float x[3] = { 1, 2, 3 };
    return gllm::CpuKernels<float>().vec_dot(x, x, 3) == 14 && other(x) == 14 ? 0 : 1;
}
#endif
END

cat >"$tmp/sum.cpp" <<'END'
#include "gllm_kernels.hpp"
int main() { const float x[3] = { 1, 2, 3 }; return gllm::CpuKernels<float>().vec_sum(x, 3) == 6 ? 0 : 1; }
END

for cxx in "${@:-g++}"; do
    lto=-flto; $cxx --version | grep -q clang || lto=-flto=auto
    strict="-fno-exceptions -fno-rtti -fno-threadsafe-statics"
    check "C++17, every warning an error"         $cxx -std=c++17 -O2 -I. $W -DGLLM_KERNELS_THREADS -c "$tmp/implementation.cpp" -o "$tmp/i.o"
    check "C++20, no exceptions, no RTTI"         $cxx -std=c++20 -I. $W $strict -fsyntax-only "$tmp/implementation.cpp"
    check "no exceptions, no RTTI, -O0"           $cxx -std=c++17 -O0 -I. $W $strict -c "$tmp/implementation.cpp" -o "$tmp/i0.o"
    check "after min and max macros, twice"       $cxx -std=c++17 -I. $W -fsyntax-only "$tmp/macros.cpp"
    check "declarations under -ffast-math"        $cxx -std=c++17 -I. $W -ffast-math -fsyntax-only "$tmp/user.cpp"
    refused "implementation under -ffast-math" "fast-math" $cxx -std=c++17 -I. -ffast-math -fsyntax-only "$tmp/implementation.cpp"
    check "two files"                             $cxx -std=c++17 -O0 -I. $W "$tmp/user.cpp" "$tmp/other.cpp" -o "$tmp/two"
    check "two files run"                         "$tmp/two"
    check "two files with -flto"                  $cxx -std=c++17 -O1 $lto -I. "$tmp/user.cpp" "$tmp/other.cpp" -o "$tmp/lto"
    check "two files with -flto run"              "$tmp/lto"
    case $($cxx -dumpmachine) in x86_64*-linux*) if command -v qemu-x86_64 >/dev/null; then
        check "the same on the oldest CPU"        qemu-x86_64 -cpu Nehalem "$tmp/lto"
    else
        echo "skipped qemu-x86_64: not installed"
    fi ;; esac
    check "two files with private copies"         $cxx -std=c++17 -O0 -I. $W -DOTHER "$tmp/private.cpp" -c -o "$tmp/p.o"
    check "two files with private copies link"    $cxx -std=c++17 -O0 -I. $W "$tmp/private.cpp" "$tmp/p.o" -o "$tmp/private"
    check "two files with private copies run"     "$tmp/private"
    for leave in NO_AVX2 NO_AVX512 NO_NEON NO_IQ NO_KQUANT NO_CHECKPOINTS "NO_AVX2 -DGLLM_KERNELS_NO_AVX512 -DGLLM_KERNELS_NO_NEON"; do
        check "without ${leave//-DGLLM_KERNELS_/}" $cxx -std=c++17 -I. $W -DGLLM_KERNELS_${leave% -D*} ${leave#"${leave%% *}"} -fsyntax-only "$tmp/implementation.cpp"
    done
    refused "assembly asked for, not linked" "are_not_linked" $cxx -std=c++17 -O0 -I. -DGLLM_KERNELS_ASM "$tmp/user.cpp" "$tmp/other.cpp" -o "$tmp/no"
    case $($cxx -dumpmachine) in x86_64*-linux*)
        check "no vector instruction outside the instruction sets" tests/build/baseline.sh "$tmp/i0.o" ;;
    esac
    check "with every flag of this CPU"           $cxx -std=c++17 -O2 -march=native -I. tests/build/fingerprint.cpp -o "$tmp/native"
    check "with no flag"                          $cxx -std=c++17 -O2 -I. tests/build/fingerprint.cpp -o "$tmp/plain"
    check "the same choice and the same bits"     sh -c "'$tmp/native' >'$tmp/a' && '$tmp/plain' >'$tmp/b' && cmp '$tmp/a' '$tmp/b'"
    for pass in scalar avx2 avx512 neon dispatch; do
        check "only the pass $pass"               $cxx -std=c++17 -O0 -I. $W -DGLLM_KERNELS_ONLY_PASS=$pass -c "$tmp/implementation.cpp" -o "$tmp/only_$pass.o"
    done
    check "the passes of parallel files link"     $cxx -std=c++17 -I. "$tmp/sum.cpp" "$tmp"/only_*.o -o "$tmp/parts"
    check "the passes of parallel files run"      "$tmp/parts"
    for f in asm/*/*.S tests/*.S; do check "$f" $cxx -Wall -Wextra -c "$f" -o "$tmp/a.o"; done
done
cxx=aarch64-linux-gnu-g++                       # a build machine of one architecture, a target of another, and no flag
if command -v $cxx >/dev/null; then
    check "cross build"                           $cxx -std=c++17 -O0 -I. $W -c "$tmp/implementation.cpp" -o "$tmp/a64.o"
    check "no later instruction outside its feature" tests/build/baseline.sh "$tmp/a64.o" aarch64-linux-gnu-
else
    echo "skipped $cxx: not installed"
fi
finish
