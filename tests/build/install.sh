#!/usr/bin/env bash
# install.sh [COMPILER]: what make and CMake install is the same, and a program finds it: through CMake, through pkg-config, as a
# subdirectory that builds nothing unasked. Last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/build/check.sh
cxx=${1:-g++} root=$PWD
for tool in cmake pkg-config; do
    tests/build/need.sh $tool || { echo "skipped: no $tool"; echo "0 passed, 0 failed"; exit 0; }
done
quiet() { "$@" >"$tmp/out" 2>&1 || { cat "$tmp/out"; return 1; }; }

# ---- both installations, to places that are not where they were configured for
made=$tmp/made/opt/gllm cmade=$tmp/cmade/opt/gllm lib=lib/multi-arch
small="-O0 -DGLLM_KERNELS_NO_AVX2 -DGLLM_KERNELS_NO_AVX512 -DGLLM_KERNELS_NO_NEON -DGLLM_KERNELS_NO_KQUANT -DGLLM_KERNELS_NO_IQ"
make="make -s CXX=$cxx B=$tmp/make PREFIX=/opt/gllm LIBDIR=/opt/gllm/$lib"
check "make install"                            quiet $make CXXFLAGS="$small" install DESTDIR="$tmp/made"
check "cmake configures"                        quiet cmake -S . -B "$tmp/cmake" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$small" \
    -DCMAKE_INSTALL_PREFIX=/opt/gllm -DCMAKE_INSTALL_LIBDIR=$lib -DGLLM_KERNELS_TESTS=OFF
check "cmake builds"                            quiet cmake --build "$tmp/cmake" --parallel 2
check "cmake --install"                         quiet env DESTDIR="$tmp/cmade" cmake --install "$tmp/cmake"
same() {                                        # the same names, links included, and the same texts
    diff <(cd "$made" && find . | sort) <(cd "$cmade" && find . | sort) && diff -r -x '*.a' -x '*.so*' "$made" "$cmade"
}
check "both install the same"                   same

# ---- a program that finds it
mkdir -p "$tmp/user"
cat >"$tmp/user/main.cpp" <<'END_OF_USER'
#ifdef IMPLEMENT
#define GLLM_KERNELS_IMPLEMENTATION
#endif
#include "gllm_kernels.hpp"
int main() {
    const float x[3] = { 1, 2, 3 };
    gllm::CpuKernels<float> k;
#ifdef GLLM_KERNELS_THREADS
    gllm::ThreadPool pool(2);
    k.parallel = pool.parallel();
#endif
    return k.vec_dot(x, x, 3) == 14 && gllm::CpuKernels<gllm::f16>().isa() == k.isa() ? 0 : 1;
}
END_OF_USER
cat >"$tmp/user/CMakeLists.txt" <<'END_OF_CMAKE'
cmake_minimum_required(VERSION 3.14)
project(user CXX)
find_package(gllm_kernels 0.1 REQUIRED)
find_package(gllm_kernels REQUIRED)
find_package(gllm_kernels 99 QUIET)
if(gllm_kernels_FOUND)
  message(FATAL_ERROR "version 99 was found")
endif()
foreach(kind static shared asm)
  add_executable(${kind} main.cpp)
  target_link_libraries(${kind} gllm::kernels_${kind})
endforeach()
target_compile_definitions(asm PRIVATE IMPLEMENT GLLM_KERNELS_NO_AVX2 GLLM_KERNELS_NO_AVX512 GLLM_KERNELS_NO_IQ)
add_library(in_shared SHARED main.cpp)
target_link_libraries(in_shared gllm::kernels_static)
enable_testing()
foreach(kind static shared asm)
  add_test(NAME ${kind} COMMAND ${kind})
endforeach()
END_OF_CMAKE
check "find_package, twice"                     quiet cmake -S "$tmp/user" -B "$tmp/found" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$made;$made/$lib/cmake"
check "every target builds"                     quiet cmake --build "$tmp/found" --parallel 2
check "every target runs"                       quiet cmake -E chdir "$tmp/found" ctest
for package in gllm_kernels gllm_kernels_shared; do
    flags=$(PKG_CONFIG_PATH=$cmade/$lib/pkgconfig pkg-config --cflags --libs $package)
    check "pkg-config $package"                 $cxx -std=c++17 "$tmp/user/main.cpp" $flags -o "$tmp/$package"
    check "pkg-config $package runs"            env LD_LIBRARY_PATH="$cmade/$lib" "$tmp/$package"
done
check "make uninstall"                          quiet $make CXXFLAGS="$small" uninstall DESTDIR="$tmp/made"
check "make uninstall leaves no file"           test -z "$(find "$tmp/made" ! -type d)"

# ---- a program that holds it
mkdir -p "$tmp/holder"
cat >"$tmp/holder/CMakeLists.txt" <<END_OF_CMAKE
cmake_minimum_required(VERSION 3.14)
project(holder CXX)
add_subdirectory($root gllm)
add_executable(header \${PROJECT_SOURCE_DIR}/../user/main.cpp)
target_link_libraries(header gllm::kernels)
target_compile_definitions(header PRIVATE IMPLEMENT GLLM_KERNELS_NO_AVX2 GLLM_KERNELS_NO_AVX512 GLLM_KERNELS_NO_IQ)
END_OF_CMAKE
check "add_subdirectory"                        quiet cmake -S "$tmp/holder" -B "$tmp/held" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
check "add_subdirectory builds"                 quiet cmake --build "$tmp/held"
check "and nothing unasked"                     test -z "$(find "$tmp/held/gllm" -name '*.o' -o -name '*.a' -o -name '*.so')"
optimised() {                                   # -O2 for the library's own objects and for no other
    awk '/"command":/ { own = /library_[a-z0-9]*\.cpp/; if (own != / -O2 /) { print; bad = 1 } n += own } END { exit bad || n != 10 }' FS='\n' <(grep -v '\.S"' "$1")
}
check "-O2 is the library's own"                optimised "$tmp/held/compile_commands.json"
check "and installs nothing"                    quiet env DESTDIR="$tmp/none" cmake --install "$tmp/held"
check "not a file"                              test ! -e "$tmp/none"
finish
