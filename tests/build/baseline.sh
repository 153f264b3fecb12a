#!/usr/bin/env bash
# baseline.sh OBJECT [PREFIX]: no weak function, and none outside the namespace of an instruction set or feature, may hold an instruction
# that the oldest CPU of the architecture lacks: the linker or the dispatcher could run it anywhere. PREFIX is that of the binutils, as
# aarch64-linux-gnu-. Prints what it finds. SPDX-License-Identifier: MIT
set -u
case "${2:-}" in
    aarch64*) home='4gllm(12_GLOBAL__N_1)?4neon.*(7dotprod|4i8mm)'   beyond='([su]dot|[su]mmla|usdot|bfdot|bfmmla|fml[as]l2?)' ;;
    *)        home='4gllm(12_GLOBAL__N_1)?(4avx2|6avx512)'          beyond='(v[a-z0-9]+|k(mov|and|or|test)[a-z]*|tile[a-z]+)' ;;
esac
"${2:-}nm" "$1" | awk '$2 == "W" || $2 == "V" { print $3 }' | sort >"$1.weak"
"${2:-}objdump" -d --no-show-raw-insn "$1" | awk -v weak="$1.weak" -v home="$home" -v beyond="\t$beyond[ \t]" '
    BEGIN { while ((getline line <weak) > 0) is_weak[line] = 1 }
    /^[0-9a-f]+ <.*>:$/ { f = $2; gsub(/[<>:]/, "", f); inside = f ~ home && !(f in is_weak); next }
    !inside && $0 ~ beyond && !/\t(verr|verw)[ \t]/ && !bad[f]++ { print "in " f ": " $0 }' | head -n 10
rm -f "$1.weak"
