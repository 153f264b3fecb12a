#!/usr/bin/env bash
# all.sh [COMPILER...]: compile.sh with each, copies.sh and install.sh with the first, and targets.sh, as many at a time as there are CPUs.
# Last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")" || exit 1
[ $# -ne 0 ] || set -- g++
scripts=() logs=$(mktemp -d); trap 'rm -rf "$logs"' EXIT
for cxx; do scripts+=("compile.sh $cxx"); done
scripts+=("copies.sh $1" "install.sh $1" targets.sh)
for i in "${!scripts[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc 2>/dev/null || echo 2)" ]; do wait -n; done
    { ./${scripts[i]} >"$logs/$i" 2>&1; cat "$logs/$i"; } &
done
wait
passed=0 failed=0
for i in "${!scripts[@]}"; do
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$logs/$i" | tail -n 1)
    [ -n "$counts" ] || counts="0 1"                                        # died before it could count
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
