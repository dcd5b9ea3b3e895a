# SPDX-License-Identifier: MIT
# Sourced by examples/run.sh and tests/run.sh. Installs the packages that weir's build needs and that are missing.

say() { printf '%s\n' "$*" >&2; }
stop() {
    say "$*"
    exit 1
}

# Returns whether a package is installed, which it finds out from a program or a header of it.
has() {
    case $1 in
    g++) command -v g++ ;;
    ninja-build) command -v ninja ;;
    pkg-config | meson | cmake | python3 | mawk) command -v "$1" ;;
    liburing-dev) header liburing.h ;;
    librange-v3-dev) header range/v3/all.hpp ;;
    doctest-dev) header doctest/doctest.h ;;
    libsqlite3-dev) header sqlite3.h ;;
    libcli11-dev) header CLI/CLI.hpp ;;
    nlohmann-json3-dev) header nlohmann/json.hpp ;;
    libssl-dev) header openssl/ssl.h ;;
    zlib1g-dev) header zlib.h ;;
    libzstd-dev) header zstd.h ;;
    libwslay-dev) header wslay/wslay.h ;;
    libhiredis-dev) header hiredis/hiredis.h ;;
    node-llhttp) [ -e /usr/share/llhttp/llhttp.c ] || header llhttp.h ;;
    nginx-light) command -v nginx || [ -x /usr/sbin/nginx ] ;;
    libcurl4-openssl-dev) header curl/curl.h || ls /usr/include/*/curl/curl.h ;;
    clang-19) command -v clang++-19 ;;
    clang-14) command -v clang++-14 ;;
    debootstrap) command -v debootstrap || [ -x /usr/sbin/debootstrap ] ;;
    golang-go) command -v go ;;
    nodejs) command -v node ;;
    gnuplot-nox) command -v gnuplot ;;
    rustc | cargo) [ -x "/usr/bin/$1" ] ;; # the one that can use Debian's crates
    graphviz) command -v dot ;;
    libclang-rt-19-dev)
        installed "$1" || ls /usr/lib/*/clang/19/lib/*/libclang_rt.asan* /usr/lib/clang/19/lib/*/libclang_rt.asan*
        ;;
    *) command -v "$1" || installed "$1" ;;
    esac > /dev/null 2>&1
}
header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }
installed() { dpkg-query -W -f '${Status}' "$1" 2> /dev/null | grep -q '^install ok installed$'; }

missing() {
    for package; do has "$package" || printf '%s ' "$package"; done
}

need_packages() {
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    wanted=${wanted% }
    command -v apt-get > /dev/null || stop "This machine lacks (Debian's names): $wanted
There is no apt-get here: install them in this system's own way, then run this again."

    as_root=
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo > /dev/null; then
            stop "This machine lacks: $wanted
Neither root nor sudo here. As root:
    apt-get install --no-install-recommends $wanted"
        fi
        as_root=sudo
        [ -t 0 ] || as_root='sudo -n'
    fi

    say "Installing: $wanted"
    apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=2"
    log=$(mktemp)
    # A failed update is not fatal, because the known package lists may suffice.
    $apt update > "$log" 2>&1 || tail -n 5 "$log" >&2
    # shellcheck disable=SC2086
    if ! $apt install -y --no-install-recommends $wanted > "$log" 2>&1; then
        tail -n 10 "$log" >&2
        # One by one, to find out which package fails.
        for package in $wanted; do
            $apt install -y --no-install-recommends "$package" > "$log" 2>&1 || true
        done
    fi
    rm -f "$log"

    left=$(missing $wanted)
    [ -z "$left" ] || stop "Could not install: ${left% }
As root, with network:
    apt-get update && apt-get install --no-install-recommends ${left% }"
}

need_meson() {
    version=$(meson --version)
    oldest=$(printf '%s\n' 1.0.1 "$version" | sort -V | head -n 1)
    [ "$oldest" = 1.0.1 ] || stop "meson is $version here, and 1.0.1 is the least that will do:
    python3 -m pip install --user 'meson>=1.0.1'"
}

# Configures a build directory, which may exist already.
configure() {
    directory=$1
    shift
    if [ -e "$directory/build.ninja" ]; then
        meson setup --reconfigure "$directory" "$@"
    else
        meson setup "$directory" "$@"
    fi
}
