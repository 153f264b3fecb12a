#!/usr/bin/env bash
# baseline.sh OBJECT: no weak function, and none outside the namespaces gllm::avx2 and gllm::avx512, may hold an instruction
# that an x86-64 of 2003 lacks: the linker or the dispatcher could run it anywhere. SPDX-License-Identifier: MIT
set -u
nm "$1" | awk '$2 == "W" || $2 == "V" { print $3 }' | sort >"$1.weak"
objdump -d --no-show-raw-insn "$1" | awk -v weak="$1.weak" '
    BEGIN { while ((getline line <weak) > 0) is_weak[line] = 1 }
    /^[0-9a-f]+ <.*>:$/ { f = $2; gsub(/[<>:]/, "", f); vector = f ~ /4gllm(12_GLOBAL__N_1)?(4avx2|6avx512)/ && !(f in is_weak); next }
    !vector && /\t(v[a-z0-9]+|k(mov|and|or|test)[a-z]*|tile[a-z]+) / && !/\t(verr|verw) / && !bad[f]++ { print "in " f ": " $0 }' | head -n 10
rm -f "$1.weak"
