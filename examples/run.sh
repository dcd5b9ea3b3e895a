#!/bin/sh
# From a bare Debian or Ubuntu machine to a running example:
#     examples/run.sh                       log_report on the log that is here
#     examples/run.sh FILE...               log_report on yours
set -eu

arguments_from=$PWD
cd "$(dirname "$0")/.."
. examples/setup.sh

need_packages g++ meson ninja-build pkg-config python3 liburing-dev
need_meson

build=build/examples
mkdir -p build
{
    configure $build --buildtype=release -Dtests=disabled -Dhygiene=disabled -Dperf=disabled -Dexamples=enabled &&
        ninja -C $build
} > $build.log 2>&1 || {
    tail -n 30 $build.log >&2
    stop "The build failed; all of it is in $PWD/$build.log"
}

program=$PWD/$build/examples/log_report
if [ $# = 0 ]; then
    exec "$program" examples/data/access.log
fi
cd "$arguments_from"
exec "$program" "$@"
