#!/bin/bash
# SPDX-License-Identifier: MIT
# From a bare Debian or Ubuntu machine to tested: installs what is missing, builds, runs every test on every backend.
#     tests/run.sh                one build with g++, optimised, assertions on
#     CI=true tests/run.sh        compilers x sanitizers, and the tests of the tree itself; a warning is an error
set -euo pipefail

cd "$(dirname "$0")/.."
. examples/setup.sh

# A leak, an error or a wrong address ends the program; stacks that returned are watched.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp

configurations=0 all_ok=0 all_failed=0 all_skipped=0
results=()

# count DIRECTORY LABEL...: the sum of what meson's own log says.
count() {
    local log=$1/meson-logs/testlog.txt sum=0 label n
    shift
    for label; do
        n=$(sed -n "s/^$label: *\([0-9]*\) *$/\1/p" "$log" | tail -n 1)
        sum=$((sum + ${n:-0}))
    done
    echo "$sum"
}

# By default weir's build is the library alone. What a configuration leaves out, it disables.
everything='-Dtests=enabled -Dhygiene=enabled -Dexamples=enabled -Dperf=enabled -Dtls=enabled
    -Dhttp=enabled -Dzlib=enabled -Dwebsocket=enabled -Dredis=enabled -Dcompression=enabled'

# configuration NAME TARGET "MESON SETUP ARGUMENTS" "MESON TEST ARGUMENTS"
configuration() {
    local name=$1 target=$2 directory=build/$1 began=$SECONDS log ok failed skipped note=
    log=$directory.log
    mkdir -p build
    echo "== $name"
    # shellcheck disable=SC2086
    if ! configure "$directory" $everything $3 > "$log" 2>&1 || ! ninja -C "$directory" $target >> "$log" 2>&1; then
        grep -nE 'FAILED|error:|ERROR' "$log" | head -n 20 || true
        tail -n 40 "$log"
        ok=0 failed=1 skipped=0 note=', does not build'
    else
        rm -f "$directory"/meson-logs/testlog.*
        # shellcheck disable=SC2086
        meson test -C "$directory" --no-rebuild --print-errorlogs $4 || note=', failed'
        ok=$(count "$directory" Ok 'Expected Fail')
        failed=$(count "$directory" Fail 'Unexpected Pass' Timeout)
        skipped=$(count "$directory" Skipped)
        # A failure of meson itself, or no test at all, is not a success.
        [ -z "$note" ] || [ "$failed" != 0 ] || failed=1
        if [ $((ok + failed + skipped)) = 0 ]; then failed=1 note=', ran no test'; fi
    fi
    configurations=$((configurations + 1))
    all_ok=$((all_ok + ok)) all_failed=$((all_failed + failed)) all_skipped=$((all_skipped + skipped))
    results+=("$(printf '%-20s %4d ok %4d failed %4d skipped %5d s%s' \
        "$name" "$ok" "$failed" "$skipped" $((SECONDS - began)) "$note")")
}

# The last line is what scripts read.
summarise() {
    printf '\n'
    printf '%s\n' "${results[@]}"
    printf '%d configurations: %d ok, %d failed, %d skipped\n' $configurations $all_ok $all_failed $all_skipped
    [ $all_failed = 0 ]
}

# Meson finds Debian's doctest by cmake alone.
packages='g++ meson ninja-build pkg-config cmake python3 mawk liburing-dev librange-v3-dev doctest-dev
    libsqlite3-dev libcurl4-openssl-dev libasio-dev libssl-dev openssl libcli11-dev
    nlohmann-json3-dev node-llhttp zlib1g-dev libzstd-dev zstd libwslay-dev libhiredis-dev'
# Several test files are compiled as one (tests/together.py): that halves what compilers have to do.
together='-Dtests_together=6'

if [ "${CI:-}" != true ]; then
    # shellcheck disable=SC2086
    need_packages $packages
    need_meson
    # Another compiler than ours may warn of something new: no reason to refuse to build.
    configuration tests '' \
        "$together -Doptimization=1 -Ddebug=false -Dwerror=false -Dhygiene=disabled -Dperf=disabled" ''
    summarise
    exit
fi

# shellcheck disable=SC2086
need_packages $packages git debootstrap clang-14 clang-19 libclang-rt-19-dev libc++-19-dev libc++abi-19-dev \
    clang-format-19 clang-tidy-19 curl nginx-light nodejs node-ws redis-server gdb graphviz python3-prometheus-client \
    chromium
need_meson

# So is the library, but for one configuration: the users' tests run with the library as it is installed.
together+=' -Dlibrary_together=true'
release="$together -Dbuildtype=release -Doptimization=2 -Dwerror=true"
# What the tree looks like, and how fast it is, does not change under a sanitizer.
sanitized="$together -Dbuildtype=debug -Doptimization=0 -Ddebug=false -Dwerror=true -Dhygiene=disabled -Dperf=disabled
    -Db_lundef=false"

# g++ runs the optimised tests in the configuration above, which .ci/run runs first. This one checks the tree.
CXX=g++ configuration gcc-tree '' "$release -Dtests=disabled -Dexamples=disabled" ''
# Two checks make up two fifths of what g++ builds here, and next to nothing of what clang does: those are clang's.
gcc_args="['-g1','-fno-sanitize=null','-fno-sanitize=alignment']"
# What compilers differ in are coroutines. The operators have none: their tests run with g++ above, and with clang's
# sanitizers below.
CXX=g++ configuration gcc-asan-ubsan tests_but_operators \
    "$sanitized -Db_sanitize=address,undefined -Dcpp_args=$gcc_args -Dexamples=disabled" '-t 3 --no-suite operators'
CXX=clang++-19 configuration clang-release 'tests_but_operators tests_of_the_tree' \
    "$release -Dperf=disabled -Dexamples=disabled" '--no-suite consume --no-suite operators'
CXX=clang++-19 configuration clang-asan-ubsan '' "$sanitized -Db_sanitize=address,undefined -Dcpp_args=-g1" '-t 3'
if compgen -G 'tests/threads/*_test.cpp' > /dev/null; then
    CXX=clang++-19 configuration clang-tsan \
        'tests/threads_test tests/concurrent_channel_stress tests/fifo_stress tests/reactive_streams_stress' \
        "$sanitized -Db_sanitize=thread -Dcpp_args=-g1 -Dexamples=disabled" '-t 5 --suite threads'
fi
# gdb needs the library's debug information.
CXX=g++ configuration gcc-debug tests/gdb_subject \
    '-Dbuildtype=debug -Dwerror=true -Dhygiene=disabled -Dperf=disabled -Dexamples=disabled -Dtls=disabled
    -Dhttp=disabled -Dwebsocket=disabled -Dredis=disabled -Dcompression=disabled' '--suite gdb'

summarise
