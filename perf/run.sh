#!/bin/bash
# SPDX-License-Identifier: MIT
# Measures weir, floors and peers on this machine: installs missing packages, builds, and runs each question.
#     perf/run.sh [--quick] [--no-peers] [--instructions] [QUESTION...]
#     perf/run.sh --curves [--quick] [CURVE...]
#
#     --quick         a smoke run: a thousandth of the items, one round
#     --no-peers      only the floors and weir, without further packages
#     --instructions  also counts instructions, with valgrind, for the questions that one thread answers
#     --curves        how the cost of an item changes with depth, sources, tasks, threads, buffers,
#                     connections
#
# Prints tables on standard output, and writes JSON lines and pictures to build/perf/results. Reports peers that cannot
# be installed as missing.
set -euo pipefail

cd "$(dirname "$0")/.."
. examples/setup.sh

peers=yes
instructions=no
arguments=()
for argument; do
    case $argument in
    --no-peers) peers=no ;;
    --curves) peers=no && arguments+=(--curves) ;;
    --instructions) instructions=yes && arguments+=(--instructions) ;;
    -h | --help)
        sed -n '2,14s/^# \{0,1\}//p' "$0"
        exit
        ;;
    *) arguments+=("$argument") ;;
    esac
done

need_packages g++ meson ninja-build pkg-config python3 liburing-dev libssl-dev node-llhttp libhiredis-dev
need_meson
if [ $instructions = yes ]; then need_packages valgrind; fi
if [ $peers = yes ]; then
    # One by one, because the installation of each may fail, after which its peers are missing.
    for package in gnuplot-nox wrk nginx-light libasio-dev libboost1.81-dev librange-v3-dev golang-go nodejs npm rustc cargo \
        librust-futures-dev librust-tokio-dev librust-tokio-stream-dev librust-async-stream-dev redis-server; do
        (need_packages $package) > /dev/null 2>&1 || say "not to be had here: $package"
    done
fi

build=build/perf
mkdir -p $build
quietly() {
    "$@" > $build/build.log 2>&1 || {
        tail -n 30 $build/build.log >&2
        return 1
    }
}
quietly configure $build -Dbuildtype=release -Doptimization=2 -Dtests=disabled -Dhygiene=disabled -Dexamples=disabled \
    -Dperf=enabled -Dtls=enabled -Dhttp=enabled -Dredis=enabled
quietly ninja -C $build

# Each peer is a command with a question and a case as arguments; see perf/peers.
commands=()
if [ $peers = yes ]; then
    here=$PWD/$build/peers
    mkdir -p "$here"
    for name in asio boost; do
        if [ -x $build/perf/peer_$name ]; then commands+=("$name=$PWD/$build/perf/peer_$name"); fi
    done
    if [ -x /usr/bin/cargo ]; then
        cp -r perf/peers/rust "$here"
        mkdir -p "$here/rust/.cargo"
        # Debian's packages are a directory of crates, so that cargo downloads nothing.
        printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n' \
            > "$here/rust/.cargo/config.toml"
        if (cd "$here/rust" && PATH=/usr/bin:$PATH cargo build --release --offline) > "$here/rust.log" 2>&1; then
            commands+=("rust=$here/rust/target/release/peers")
        fi
    fi
    if command -v go > /dev/null && (cd perf/peers/go && go build -o "$here/go" .) > "$here/go.log" 2>&1; then
        commands+=("go=$here/go")
    fi
    if command -v npm > /dev/null; then
        cp -r perf/peers/node "$here"
        if (cd "$here/node" && npm install --no-audit --no-fund) > "$here/node.log" 2>&1; then
            commands+=("node=node $here/node/main.js")
        fi
    fi
fi

exec python3 perf/measure.py $build "${commands[@]/#/--peers=}" ${arguments[@]+"${arguments[@]}"}
