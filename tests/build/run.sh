#!/usr/bin/env bash
# run.sh PROGRAM...: runs doctest programs from the top of the repository, each after $RUN (an emulator) if set. One line
# for each, the output of those that failed, and last "N passed, N failed" in test cases, a crash counting as one.
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
log=$(mktemp); trap 'rm -f "$log"' EXIT
for program; do
    start=$SECONDS
    ${RUN:-} "$program" --no-colors=true >"$log" 2>&1 </dev/null; rc=$?
    line=$(tr -d '\r' <"$log" | sed -n 's/^\[doctest\] test cases: *[0-9]* | *\([0-9]*\) passed | *\([0-9]*\) failed.*/\1 \2/p' | tail -n 1)
    p=${line% *} f=${line#* }
    [ -n "$line" ] || { p=0 f=1; }
    [ "$rc" = 0 ] || [ "$f" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f))
    [ "$f" = 0 ] || tail -n "${LINES_OF_FAILURE:-60}" "$log"
    grep -aq 'MESSAGE: skipped\|skipped: ' "$log" && note="; $(grep -ao 'skipped: .*' "$log" | sort -u | head -n 4 | paste -sd'; ')" || note=
    printf '%-28s %4d passed %4d failed %4ds%s%s\n' "$(basename "$program")" "$p" "$f" $((SECONDS - start)) \
        "$([ -n "$line" ] || echo "  no summary, exit status $rc")" "$note"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
