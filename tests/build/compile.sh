#!/usr/bin/env bash
# compile.sh COMPILER...: what the header promises to whoever compiles it, checked with each compiler. One line for each
# check, and last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/build/check.sh
W="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror"
less="-DGLLM_KERNELS_NO_AVX512 -DGLLM_KERNELS_NO_KQUANT -DGLLM_KERNELS_NO_IQ -DGLLM_KERNELS_NO_ATTENTION -DGLLM_KERNELS_NO_QUANTIZE"    # compiles fast

cat >"$tmp/implementation.cpp" <<'END'
#define GLLM_KERNELS_IMPLEMENTATION
#include "gllm_kernels.hpp"
END
cat >"$tmp/macros.cpp" <<'END'
#ifdef GLLM_KERNELS_IMPLEMENTATION                // system headers need not survive these macros: they come first
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif
#endif
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define small char
#define near
#define far
#define check(x) x
#define bit(b) (1 << (b))
#define word(...) 0
#include "gllm_kernels.hpp"
#include "gllm_kernels.hpp"
int main() { return gllm::CpuKernels<float>().isa() > gllm::Isa::neon || min(1, max(2, word(3))) > bit(1); }
END
cat >"$tmp/holder.cpp" <<'END'
#include "gllm_kernels.hpp"
struct Holder {                                   // a user's type that holds, takes and gives those of the library
    gllm::CpuKernels<float> k;
    gllm::Parallel          parallel;
    gllm::f16               half[9];
    gllm::Status run(gllm::QuantType type, const float* x, float* y);
};
gllm::Status Holder::run(gllm::QuantType type, const float* x, float* y) { return k.matmul(type, half, x, y, 1, 1, 32); }
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

one_error() {                                   # one_error COMPILATION...: fails, as `refused` wants it, on just one error
    local out; out=$("$@" 2>&1); echo "$out"
    [ "$(grep -c 'error:' <<<"$out")" != 1 ]
}
edited() {                                      # edited FILE FLAG...: compiled as .clangd has an editor read it
    local file=$1; shift
    $cxx $W $(sed '/^#/d' .clangd | grep -o -- '-[A-Za-z][^],]*') "$@" -x c++ -fsyntax-only "$file"
}
every_section() {                               # an error in a section of a pass is one that an editor sees; [16] is of one system
    local n last=14
    case $($cxx -dumpmachine) in x86_64*-linux*) last=15 ;; esac
    for n in $(seq 9 $last); do
        sed "s/^\/\/ \[$n\] [A-Z][A-Z].*/#error section $n/" gllm_kernels.hpp >"$tmp/edited.hpp"
        edited "$tmp/edited.hpp" -I. 2>&1 | grep -q "section $n" || echo "not seen: [$n]"
    done
}
alone() {                                       # alone OBJECT NAME: defines no symbol but that and what is std's or the compiler's
    ! nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | grep -Ev "^_Z[0-9]*$2|^_ZN?K?St|^_Zn[wa]m|^(DW\.ref\.|__clang_)"
}
leftovers() {                                   # macros of the header's own that stay defined behind it
    ! $cxx -std=c++17 -I. -DGLLM_KERNELS_ASM -dM -E "$tmp/implementation.cpp" | grep ' GK_'
}
bits() {                                        # bits NAME FLAG...: compiled with these flags, the fingerprint is that of $tmp/b
    local to=$tmp/$1; shift
    $cxx -std=c++17 -O1 -I. "$@" -c tests/build/fingerprint.cpp -o "$to.o" && $cxx "$to.o" -o "$to" && "$to" >"$to.out" && cmp "$tmp/b" "$to.out"
}

for cxx in "${@:-g++}"; do
    lto=-flto; $cxx --version | grep -q clang || lto=-flto=auto
    strict="-fno-exceptions -fno-rtti -fno-threadsafe-statics"
    check "C++17, every warning an error"         $cxx -std=c++17 -O2 -I. $W -DGLLM_KERNELS_THREADS -c "$tmp/implementation.cpp" -o "$tmp/i.o"
    check "C++20, no exceptions, no RTTI"         $cxx -std=c++20 -I. $W $strict -fsyntax-only "$tmp/implementation.cpp"
    check "no exceptions, no RTTI, -O0, twice"    $cxx -std=c++17 -O0 -I. $W $strict -c "$tmp/other.cpp" -o "$tmp/i0.o"
    strictest=-Wsign-conversion; $cxx --version | grep -q clang || strictest+=" -Wuseless-cast"
    refused "one error in C"     "is a C++17 header" one_error $cxx -x c -I. -fsyntax-only -include gllm_kernels.hpp /dev/null
    refused "one error in C++14" "is a C++17 header" one_error $cxx -x c++ -std=c++14 -I. -fsyntax-only -include gllm_kernels.hpp /dev/null
    check "after macros of common names, twice"   $cxx -std=c++17 -I. $W -DGLLM_KERNELS_MODEL -DGLLM_KERNELS_COMPILER -fsyntax-only "$tmp/macros.cpp"
    check "implementation after them"             $cxx -std=c++17 -I. $W -DGLLM_KERNELS_IMPLEMENTATION -DGLLM_KERNELS_THREADS -DGLLM_KERNELS_MODEL -DGLLM_KERNELS_COMPILER \
                                                        -fsyntax-only "$tmp/macros.cpp"
    check "in types of the user's"                $cxx -std=c++17 -I. $W -fsyntax-only "$tmp/holder.cpp"
    check "and $strictest"                        $cxx -std=c++17 -I. $W $strictest -fsyntax-only "$tmp/implementation.cpp"
    check "and $strictest, with assembly"         $cxx -std=c++17 -I. $W $strictest -DGLLM_KERNELS_ASM -fsyntax-only "$tmp/implementation.cpp"
    check "and $strictest, with all parts"        $cxx -std=c++17 -I. $W $strictest -DGLLM_KERNELS_COMPILER -DGLLM_KERNELS_MODEL -fsyntax-only "$tmp/implementation.cpp"
    check "a system header under $strictest"      $cxx -std=c++17 -isystem . $W $strictest -fsyntax-only "$tmp/user.cpp"
    check "a system header, implementation"       $cxx -std=c++17 -isystem . $W $strictest -fsyntax-only "$tmp/implementation.cpp"
    check "declarations under -ffast-math"        $cxx -std=c++17 -I. $W -ffast-math -fsyntax-only "$tmp/user.cpp"
    refused "implementation under -ffast-math" "fast-math" $cxx -std=c++17 -I. -ffast-math -fsyntax-only "$tmp/implementation.cpp"
    check "as an editor reads it"                 edited gllm_kernels.hpp
    check "as without AVX-512"                    edited gllm_kernels.hpp -DGLLM_KERNELS_NO_AVX512
    check "as without vectors"                    edited gllm_kernels.hpp -DGLLM_KERNELS_NO_AVX2 -DGLLM_KERNELS_NO_NEON
    check "with every section of a pass"          every_section
    check "no macro of its own left behind"       leftovers
    check "two files"                             $cxx -std=c++17 -O0 -I. $W "$tmp/user.cpp" "$tmp/i0.o" -o "$tmp/two"
    check "two files run"                         "$tmp/two"
    check "two files with -flto"                  $cxx -std=c++17 -O1 $lto -I. "$tmp/user.cpp" "$tmp/other.cpp" -o "$tmp/lto"
    check "two files with -flto run"              "$tmp/lto"
    case $($cxx -dumpmachine) in x86_64*-linux*) if command -v qemu-x86_64 >/dev/null; then
        check "the same on the oldest CPU"        qemu-x86_64 -cpu Nehalem "$tmp/lto"
    else
        echo "skipped qemu-x86_64: not installed"
    fi ;; esac
    check "two files with private copies"         $cxx -std=c++17 -O0 -I. $W -DOTHER "$tmp/private.cpp" -c -o "$tmp/p.o"
    check "a private copy defines no symbol"      alone "$tmp/p.o" other
    check "two files with private copies link"    $cxx -std=c++17 -O0 -I. $W $less "$tmp/private.cpp" "$tmp/p.o" -o "$tmp/private"
    check "two files with private copies run"     "$tmp/private"
    for leave in NO_AVX2 NO_AVX512 NO_NEON NO_IQ NO_KQUANT NO_CHECKPOINTS NO_ATTENTION NO_QUANTIZE "NO_AVX2 -DGLLM_KERNELS_NO_AVX512 -DGLLM_KERNELS_NO_NEON"; do
        check "without ${leave//-DGLLM_KERNELS_/}" $cxx -std=c++17 -I. $W -DGLLM_KERNELS_${leave% -D*} ${leave#"${leave%% *}"} -fsyntax-only "$tmp/implementation.cpp"
    done
    refused "assembly asked for, not linked" "are_not_linked" $cxx -std=c++17 -O0 -I. $less -DGLLM_KERNELS_ASM "$tmp/user.cpp" "$tmp/other.cpp" -o "$tmp/no"
    case $($cxx -dumpmachine) in x86_64*-linux*)
        check "no vector instruction outside the instruction sets" tests/build/baseline.sh "$tmp/i0.o" ;;
    esac
    check "with every flag of this CPU"           $cxx -std=c++17 -O2 -march=native -I. tests/build/fingerprint.cpp -o "$tmp/native"
    check "with no flag"                          $cxx -std=c++17 -O2 -I. -DLINKED -DGLLM_KERNELS_THREADS tests/build/fingerprint.cpp "$tmp/i.o" -pthread -o "$tmp/plain"
    check "the same choice and the same bits"     sh -c "'$tmp/native' >'$tmp/a' && '$tmp/plain' >'$tmp/b' && cmp '$tmp/a' '$tmp/b'"
    loose="-ffast-math -fno-finite-math-only" finite="-ffinite-math-only -freciprocal-math"     # in compiling: linking would set modes
    if [ "$lto" = -flto ]; then                                     # clang has no way to forget the second, and few bits to spare for the first
        refused "implementation under $finite" "fast-math" $cxx -std=c++17 -I. $finite -fsyntax-only "$tmp/implementation.cpp"
        check "compiled with $loose"              $cxx -std=c++17 -O1 -I. $loose -c tests/build/accuracy.cpp -o "$tmp/accuracy.o"
        check "within the bounds"                 sh -c "$cxx '$tmp/accuracy.o' -o '$tmp/accuracy' && '$tmp/accuracy'"
    else
        bits loose $loose >"$tmp/loose.log" 2>&1 & loosely=$!
        check "the same bits under $finite"       bits finite $finite
        wait $loosely; status=$?; cp "$tmp/loose.log" "$tmp/log"
        result $status "the same bits under $loose"
    fi
    for pass in $(sed -n 's/^enum class Isa .*{ \(.*\) };/\1/p' gllm_kernels.hpp | tr -d ,) dispatch; do
        check "only the pass $pass"               $cxx -std=c++17 -O0 -I. $W -DGLLM_KERNELS_ONLY_PASS=$pass -c "$tmp/implementation.cpp" -o "$tmp/only_$pass.o"
    done
    check "the passes of parallel files link"     $cxx -std=c++17 -I. "$tmp/sum.cpp" "$tmp"/only_*.o -o "$tmp/parts"
    check "the passes of parallel files run"      "$tmp/parts"
    for f in asm/*/*.S tests/*.S; do check "$f" $cxx -Wall -Wextra -c "$f" -o "$tmp/a.o"; done
done
finish
