#!/usr/bin/env bash
# need.sh WHAT...: makes sure that each is here, and installs it from the packages of this system if it is not.
# WHAT: doctest or simde (headers, linked into build/deps), or a command such as qemu-aarch64 or clang++.
# Prints what it installs; fails, saying so, when something stays missing. SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/../.." || exit 1

manager=
for m in apt-get dnf apk pacman brew; do command -v "$m" >/dev/null 2>&1 && { manager=$m; break; }; done

header_dir() {                                  # where header $1/$2 lies
    local d
    for d in /usr/include /usr/local/include /opt/homebrew/include /mingw64/include; do
        [ -f "$d/$1/$2" ] && { echo "$d/$1"; return; }
    done
    return 1
}

here() {
    case $1 in
        doctest) header_dir doctest doctest.h >/dev/null ;;
        simde)   header_dir simde x86/avx2.h >/dev/null ;;
        wine)    command -v wine >/dev/null 2>&1 || command -v wine64 >/dev/null 2>&1 ;;
        *mingw*g++) command -v "$1-posix" >/dev/null 2>&1 || "$1" -v 2>&1 | grep -q "model: [^w]" ;;    # win32 may have no std::mutex
        *)       command -v "$1" >/dev/null 2>&1 ;;
    esac
}

package() {                                     # the package of $1 under $manager
    case $manager:$1 in
        apt-get:doctest) echo doctest-dev ;;            apt-get:simde) echo libsimde-dev ;;
        apt-get:qemu-*)  echo qemu-user ;;              apt-get:clang++) echo clang ;;
        apt-get:llvm-mca-*) echo "llvm-${1##*-}" ;;
        apt-get:x86_64-w64-mingw32-g++) echo g++-mingw-w64-x86-64-posix ;;
        apt-get:aarch64-linux-gnu-g++)  echo g++-aarch64-linux-gnu ;;
        apt-get:arm-linux-gnueabihf-g++) echo g++-arm-linux-gnueabihf ;;
        apt-get:riscv64-linux-gnu-g++)  echo g++-riscv64-linux-gnu ;;
        dnf:doctest) echo doctest-devel ;;              dnf:simde) echo simde-devel ;;
        dnf:qemu-*)  echo qemu-user ;;                  dnf:clang++) echo clang ;;  dnf:g++) echo gcc-c++ ;;
        dnf:x86_64-w64-mingw32-g++) echo "mingw64-gcc-c++ mingw64-winpthreads-static" ;;
        dnf:*-linux-gnu*-g++) echo "gcc-c++-${1%-g++}" ;;
        apk:doctest) echo doctest-dev ;;                apk:simde) echo simde-dev ;;    apk:clang++) echo clang ;;
        pacman:x86_64-w64-mingw32-g++) echo mingw-w64-gcc ;;
        pacman:qemu-*) echo qemu-user ;;                pacman:aarch64-linux-gnu-g++) echo aarch64-linux-gnu-gcc ;;
        pacman:clang++) echo clang ;;
        *) echo "$1" ;;
    esac
}

install() {
    local sudo=
    [ "$(id -u)" = 0 ] || [ "$manager" = brew ] || sudo=sudo
    echo "installing $* with $manager" >&2
    case $manager in
        apt-get) $sudo apt-get update -qq </dev/null && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null ;;
        dnf)     $sudo dnf install -y -q "$@" </dev/null ;;
        apk)     $sudo apk add -q "$@" </dev/null ;;
        pacman)  $sudo pacman -S --noconfirm --needed "$@" </dev/null ;;
        brew)    brew install "$@" </dev/null ;;
        *)       echo "no package manager that this script knows" >&2; return 1 ;;
    esac >&2
}

missing=()
for what; do here "$what" || missing+=("$(package "$what")"); done
[ ${#missing[@]} -eq 0 ] || install ${missing[*]}       # unquoted: a package() line may name two

lost=()
mkdir -p build/deps
for what; do
    here "$what" || { lost+=("$what"); continue; }
    case $what in
        doctest) ln -sfn "$(header_dir doctest doctest.h)" build/deps/doctest ;;
        simde)   ln -sfn "$(header_dir simde x86/avx2.h)" build/deps/simde ;;
    esac
done
[ ${#lost[@]} -eq 0 ] || { echo "missing: ${lost[*]}" >&2; exit 1; }
