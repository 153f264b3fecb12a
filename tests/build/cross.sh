#!/usr/bin/env bash
# cross.sh [NAME...]: builds the tests for other machines and runs their native paths under emulators; all rows, or those named.
# A row whose compiler or emulator can neither be found nor installed is reported as SKIPPED, as are those of SKIP="NAME...".
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1

x86=-
[ "$(uname -m)" = x86_64 ] || x86=x86_64-linux-gnu-
#     name         compiler prefix        emulator and CPU
rows="aarch64      aarch64-linux-gnu-     qemu-aarch64 -cpu cortex-a53
      dotprod      aarch64-linux-gnu-     qemu-aarch64 -cpu cortex-a76
      aarch64max   aarch64-linux-gnu-     qemu-aarch64 -cpu max
      armv7        arm-linux-gnueabihf-   qemu-arm -cpu cortex-a15
      armv7plain   arm-linux-gnueabihf-   qemu-arm -cpu cortex-a8
      armv7max     arm-linux-gnueabihf-   qemu-arm -cpu max
      riscv64      riscv64-linux-gnu-     qemu-riscv64
      nehalem      $x86                   qemu-x86_64 -cpu Nehalem
      haswell      $x86                   qemu-x86_64 -cpu Haswell -E GLLM_KERNELS_NO_GUARD=1
      windows      x86_64-w64-mingw32-    wine
      emulated     aarch64-linux-gnu-     qemu-aarch64 -cpu cortex-a72"
emulated="test_vectors test_gemm test_activations test_norms test_dispatch test_dequant"     # AVX2 and AVX-512 by way of SIMDe

passed=0 failed=0 skipped=
export GLLM_KERNELS_SMALL=1 WINEDEBUG=-all
while read -r name cross run; do
    cross=${cross#-}
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    case " ${SKIP:-} " in *" $name "*) echo "== $name: SKIPPED, as asked"; skipped+=" $name"; continue ;; esac
    echo "== $name: ${cross}g++, $run"
    if ! tests/build/need.sh "${cross}g++" "${run%% *}"; then
        echo "== $name: SKIPPED, nothing to build or run it with"; skipped+=" $name"; continue
    fi
    command -v "${run%% *}" >/dev/null || run=wine64
    dir=build/cross/${cross:-x86_64} list=() exe= native=1           # rows of one compiler share a build
    [ "$name" != windows ] || exe=.exe
    [ "$name" != emulated ] || dir=build/cross/emulated native=
    for source in tests/test_*.cpp; do
        test=$(basename "$source" .cpp)
        [ -z "$native" ] && [[ " $emulated " != *" $test "* ]] || list+=("$dir/$test$exe")
    done
    if ! make -s -j "${JOBS:-$(nproc)}" B="$dir" CROSS="$cross" LDFLAGS=-static NATIVE=$native "${list[@]}" </dev/null; then
        echo "== $name: does not build"; failed=$((failed + 1)); continue
    fi
    out=$(RUN=$run tests/build/run.sh "${list[@]}" </dev/null | tee >(cat >&2) | tail -n 1)
    passed=$((passed + ${out%% *})) out=${out#*, } failed=$((failed + ${out%% *}))
done <<<"$rows"
[ -z "$skipped" ] || echo "SKIPPED:$skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
