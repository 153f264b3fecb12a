#!/usr/bin/env bash
# mca.sh [KERNEL...]: the hot loop of each assembly kernel in llvm-mca: cycles of an iteration, against those that the banner of its
# file allows. A row fails that takes over 5 % more; last "N passed, N failed". SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT

# In a file: "// mca: CPU BUDGET [DEPTH]". DEPTH 2: the loop around the innermost one, which runs once. Budget: units in an iteration * cycles in the banner, / 2 with twice the pipes. LLVM's
# sapphirerapids has one of the two ports for 512 bits, hence * 2: nothing else may come before them. Its alderlake has a zero wait for
# what the register was; one that is loaded takes a port: the CPU does neither, so the less of both counts. AMX has no model.
rows=$(awk '/^\/\/ mca: / { name = FILENAME; gsub(/.*\/|\.S$/, "", name); print name, $3, $4, $5 + 0 ? $5 : 1 }' asm/*/*.S)

newest() {                                      # the newest llvm-mca that knows these CPUs
    local c v
    for c in $(compgen -c llvm-mca | grep -x 'llvm-mca\(-[0-9]*\)\?' | sort -u); do
        v=$("$c" --version | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p')
        [ "${v:-0}" -lt 17 ] || echo "$v $c"
    done | sort -n | sed -n '$s/.* //p'
}
mca=$(newest)
[ -n "$mca" ] || { tests/build/need.sh llvm-mca-19 >/dev/null 2>&1; mca=$(newest); }
objdump=${mca/mca/objdump}
[ -n "$mca" ] && command -v "$objdump" >/dev/null || { echo "skipped: no llvm-mca"; exit 0; }

assembler() {                                   # assembler ARCH: a compiler that can assemble for it
    command -v "$1-linux-gnu-g++" && return
    ! command -v clang++ >/dev/null || { echo "clang++ --target=$1-linux-gnu"; return; }
    [ "$(uname -m)" != "$1" ] || echo "${CXX:-c++}"
}

loop() {                                        # loop OBJECT DEPTH: the longest one with so many loops in each other, as source
    "$objdump" -d --no-show-raw-insn --mattr="$features" "$1" | awk -v want="$2" '
        match($0, /^ *[0-9a-f]+:[ \t]*/) {
            address = $1; sub(/:.*/, "", address); at[address] = ++n; line[n] = substr($0, RLENGTH + 1)
            if (line[n] !~ /^(b\.|cbn?z|tbn?z|j)[^<]*0x[0-9a-f]+ </) next
            target = line[n]; sub(/ <.*/, "", target); sub(/.*0x/, "", target)
            if (!(target in at)) next
            depth[n] = 1; start[n] = at[target]
            for (end in start) if (end + 0 < n && start[end] >= start[n] && depth[end] >= depth[n]) depth[n] = depth[end] + 1
            if (depth[n] == want && n - start[n] > to - from) { from = start[n]; to = n }
        }
        END {
            print "loop:"
            for (i = from; to && i < to; i++) if (!(i in start)) { sub(/ <.*/, "", line[i]); print line[i] }
            sub(/0x[0-9a-f]+ <.*/, "loop", line[to]); print line[to]
        }'
}

passed=0 failed=0
printf '%-30s %-15s %11s %9s %7s\n' "$mca" cpu "cycles/loop" budget ratio
while read -r kernel cpu budget depth; do
    [ $# -eq 0 ] || case " $* " in *" $kernel "*) ;; *) continue ;; esac
    source=$(echo asm/*/"$kernel".S); arch=${source#asm/} arch=${arch%/*}
    [ -e "$source" ] || { failed=$((failed + 1)); echo "FAILED  $kernel: no such file"; continue; }
    [ "$arch" = x86_64 ] && features= || features=+dotprod,+i8mm
    cxx=$(assembler "$arch"); [ -n "$cxx" ] || { echo "skipped: nothing to assemble $kernel with"; continue; }
    $cxx -c "$source" -o "$tmp/object.o" || { failed=$((failed + 1)); continue; }
    loop "$tmp/object.o" "$depth" >"$tmp/loop.s"
    loops=$tmp/loop.s
    if [ "$cpu" = alderlake ]; then
        sed 's/vpxor[ \t]*%xmm\([0-9]*\), %xmm\1, %xmm\1$/vmovdqa (%rsp), %ymm\1/' "$tmp/loop.s" >"$tmp/zeros.s"; loops+=" $tmp/zeros.s"
    fi
    cycles=$(for l in $loops; do
        "$mca" -mtriple="$arch" -mcpu="$cpu" -iterations=200 "$l" 2>"$tmp/log" | awk '/^Total Cycles:/ { print $3 / 200 }'
    done | sort -g | head -n 1)
    one=${budget#*\*} one=${one%%[/*]*}
    sed '/^#include/q' "$source" | grep -q "[^0-9.]$one cycles" || { echo "$source: no $one cycles in the banner" >"$tmp/log"; cycles=; }
    if awk -v kernel="$kernel" -v cpu="$cpu" -v cycles="$cycles" "BEGIN { budget = $budget; ok = cycles > 0 && cycles <= 1.05 * budget
            printf \"%-30s %-15s %11.2f %9.2f %7.3f%s\n\", kernel, cpu, cycles, budget, cycles / budget, ok ? \"\" : \"  FAILED\"; exit !ok }"
    then passed=$((passed + 1)); else failed=$((failed + 1)); head -n 5 "$tmp/log"; fi
done <<<"$rows"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
