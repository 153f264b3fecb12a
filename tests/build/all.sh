#!/usr/bin/env bash
# all.sh [COMPILER...]: compile.sh with each, copies.sh and install.sh with the first. Last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")" || exit 1
passed=0 failed=0
[ $# -ne 0 ] || set -- g++
for script in "copies.sh $1" "install.sh $1" "compile.sh $*"; do
    out=$(./$script | tee >(cat >&2) | tail -n 1)
    passed=$((passed + ${out%% *})) out=${out#*, } failed=$((failed + ${out%% *}))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
