#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs an example on a bare Debian or Ubuntu machine:
#     examples/run.sh                       runs log_report on examples/data/access.log
#     examples/run.sh FILE...               runs log_report on these files
set -eu

arguments_from=$PWD
cd "$(dirname "$0")/.."
. examples/setup.sh

need_packages g++ meson ninja-build pkg-config python3 liburing-dev libcli11-dev nlohmann-json3-dev

build=build/examples
log=$build.log
mkdir -p build
failed() {
    tail -n 30 "$log" >&2
    stop "The build failed; all of it is in $PWD/$log"
}

# Configured once. Later runs leave it to ninja to find out what has changed.
if [ ! -e $build/build.ninja ]; then
    need_meson
    say "Configuring $build"
    configure $build --buildtype=release -Dlibrary_together=true -Dtests=disabled -Dhygiene=disabled -Dperf=disabled \
        -Dexamples=enabled > "$log" 2>&1 || failed
fi

# Shows the progress of ninja. On a terminal it is one line, which is erased at the end.
progress() {
    if [ ! -t 2 ]; then
        cat >&2
        return
    fi
    width=$(tput cols 2> /dev/null || echo 80)
    while IFS= read -r line; do printf '\r\033[K%.*s' "$width" "$line" >&2; done
    printf '\r\033[K' >&2
}
if [ "$(ninja -C $build -n examples/log_report | tail -n 1)" != 'ninja: no work to do.' ]; then
    say 'Building log_report and the library'
fi
{
    ninja -C $build examples/log_report 2>&1 || echo 'FAILED'
} | tee "$log" | progress
[ "$(tail -n 1 "$log")" != FAILED ] || failed

program=$PWD/$build/examples/log_report
if [ $# = 0 ]; then
    set -- examples/data/access.log
else
    cd "$arguments_from"
fi
say "log_report reads $* through a pipeline, and reports the requests, their clients and their answers.
"
exec "$program" "$@"
