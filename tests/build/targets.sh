#!/usr/bin/env bash
# targets.sh: what no compiler of this machine can tell: that kernels and their rows agree, and what is compiled for another architecture.
# One line for each check, and last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/build/check.sh
W="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror"
printf '%s\n' '#define GLLM_KERNELS_IMPLEMENTATION' '#include "gllm_kernels.hpp"' >"$tmp/implementation.cpp"

cxx=
sed -n 's/^GK_[A-Z_]*FUNC *\(gk_[a-z0-9_]*\).*/\1/p' asm/*/*.S | sort -u >"$tmp/symbols"
grep -o '\(GK_KERNEL\|ROW\)(gk_[a-z0-9_]*' gllm_kernels.hpp | sed 's/.*(//' | sort -u >"$tmp/rows"
check "every kernel of asm/ has a row, every row a kernel" diff "$tmp/symbols" "$tmp/rows"
cxx=aarch64-linux-gnu-g++                       # a build machine of one architecture, a target of another, and no flag
if command -v $cxx >/dev/null; then
    check "cross build"                           $cxx -std=c++17 -O0 -I. $W -c "$tmp/implementation.cpp" -o "$tmp/a64.o"
    check "no later instruction outside its feature" tests/build/baseline.sh "$tmp/a64.o" aarch64-linux-gnu-
else
    echo "skipped $cxx: not installed"
fi
finish
