# check.sh, read by the scripts beside it: checks that are counted, and a directory for what they make. SPDX-License-Identifier: MIT
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

result() {                                      # result STATUS NAME
    if [ "$1" = 0 ]; then
        passed=$((passed + 1)); echo "ok      ${cxx:+$cxx: }$2"
    else
        failed=$((failed + 1)); echo "FAILED  ${cxx:+$cxx: }$2"; head -n 20 "$tmp/log"
    fi
}
check() {                                       # check NAME COMMAND...: the command succeeds and says nothing
    local name=$1; shift
    "$@" >"$tmp/log" 2>&1 && [ ! -s "$tmp/log" ]; result $? "$name"
}
refused() {                                     # refused NAME WORDS COMMAND...: the command fails and its output has the words
    local name=$1 words=$2; shift 2
    ! "$@" >"$tmp/log" 2>&1 && grep -q "$words" "$tmp/log"; result $? "$name"
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
