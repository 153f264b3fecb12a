#!/usr/bin/env bash
# run.sh PROGRAM[@TERMS]...: runs doctest programs from the top of the repository, JOBS at a time (a CPU each), after $RUN (an
# emulator) if set. TERMS such as -amx are a value of GLLM_KERNELS_ISA: a smaller run without these features. One line for each, the
# output of those that failed, and last "N passed, N failed" in test cases, a crash counting as one. SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT

one() {                                         # one PROGRAM FILE: its counts to FILE, its lines to the output
    local start=$SECONDS log=$2.log rc line p f note=
    case $1 in *@*) export GLLM_KERNELS_ISA=${1#*@} GLLM_KERNELS_SMALL=1 ;; esac
    ${RUN:-} "${1%@*}" --no-colors=true >"$log" 2>&1 </dev/null; rc=$?
    line=$(tr -d '\r' <"$log" | sed -n 's/^\[doctest\] test cases: *[0-9]* | *\([0-9]*\) passed | *\([0-9]*\) failed.*/\1 \2/p' | tail -n 1)
    p=${line% *} f=${line#* }
    [ -n "$line" ] || { p=0 f=1; }
    [ "$rc" = 0 ] || [ "$f" != 0 ] || f=1
    echo "$p $f" >"$2"
    ! grep -aq 'skipped: ' "$log" || note="; $(grep -ao 'skipped: .*' "$log" | sort -u | head -n 4 | paste -sd';')"
    {
        [ "$f" = 0 ] || tail -n "${LINES_OF_FAILURE:-60}" "$log"
        printf '%-28s %4d passed %4d failed %4ds%s%s\n' "$(basename "$1")" "$p" "$f" $((SECONDS - start)) \
            "$([ -n "$line" ] || echo "  no summary, exit status $rc")" "$note"
    } >"$2.out"
    cat "$2.out"
}

case ${RUN:-} in *wine*)                         # its prefix, before several programs would make it at once
    [ -e "${WINEPREFIX:-$HOME/.wine}/system.reg" ] || { ${RUN%% *} wineboot --init; ${RUN%% *}server -w || wineserver -w; } >/dev/null 2>&1 ;;
esac
jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)} n=0
for program; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    n=$((n + 1))
    one "$program" "$tmp/$n" &
done
wait
passed=0 failed=0
for ((i = 1; i <= n; i++)); do
    read -r p f <"$tmp/$i"
    passed=$((passed + p)) failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
