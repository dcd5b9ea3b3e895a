#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the lines of README.md that install weir, unchanged, on a Debian 12 without any further packages. Then sets the
# variables that the installation printed, and builds a program as described in README.md.
#     bare.sh ROOT
#
# Needs root, and debootstrap with a network. Skipped without them.
set -euo pipefail

root=$(cd "$1" && pwd)
skip() {
    echo "skipped: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip 'only root can make a machine'
command -v debootstrap > /dev/null || skip 'no debootstrap'
# Mounts of the bare machine are removed with the namespace.
if [ -z "${IN_NAMESPACE:-}" ]; then
    unshare --mount true 2> /dev/null || skip 'no mount namespace may be made here'
    IN_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$root"
fi

work=$(mktemp -d)
machine=$work/machine
trap 'umount -l "$machine/proc" "$machine/dev" 2> /dev/null || true; rm -rf --one-file-system "$work"' EXIT

block() { # prints the lines of code below a mark in README.md
    awk -v mark="<!-- $1 -->" '$0 == mark { on = 1; next } on && /^    / { print substr($0, 5); seen = 1; next } seen { exit }' \
        "$root/README.md"
}
install_lines=$(block 'run by tests/consume/bare.sh')
build_line=$(block 'built by tests/consume/bare.sh')
packages=$(sed -n 's/^apt-get install //p' <<< "$install_lines")
install_line=$(grep -v '^apt-get' <<< "$install_lines")
[ -n "$packages" ] && [ -n "$install_line" ] && [ -n "$build_line" ] || { echo 'README.md does not say how to install weir'; exit 1; }

began=$SECONDS
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 'Component: main' 2> /dev/null | head -n 1)
debootstrap --variant=minbase --include="$(tr -s ' ' , <<< "$packages")" bookworm "$machine" \
    "${mirror:-http://deb.debian.org/debian}" > "$work/log" 2>&1 ||
    skip "no machine could be made: $(tail -n 1 "$work/log")"
mount -t proc proc "$machine/proc"
mount --rbind /dev "$machine/dev"
echo "a bare Debian with $packages: $((SECONDS - began)) s"

mkdir "$machine/weir"
(cd "$root" && tar cf - --exclude=__pycache__ LICENSE README.md CMakeLists.txt meson.build meson_options.txt include src \
    packaging tests examples perf subprojects/*.wrap subprojects/packagefiles) | tar xf - -C "$machine/weir"
mkdir "$machine/app"
cp "$root/tests/consume/app/main.cpp" "$machine/app/app.cpp"

on_machine() { # runs: DIRECTORY COMMAND, without a network
    unshare --net chroot "$machine" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd $1 && $2"
}
began=$SECONDS
# Through a pipe, because the installation must print the variables to a pipe as well as to a terminal.
if ! on_machine /weir "$install_line" 2>&1 | cat > "$work/log"; then
    tail -n 60 "$work/log"
    exit 1
fi
steps=$(sed -n 's/^\[\([0-9]*\)\/\1\].*/\1/p' "$work/log" | tail -n 1)
echo "$install_line: $((SECONDS - began)) s, $steps steps"
# One for each source file, and a few to link and to archive: neither tests nor examples.
sources=$(find "$root/src" -name '*.cpp' | wc -l)
[ "$steps" -le $((sources + 5)) ] || { echo "that is more than the library's $sources source files"; exit 1; }

exports=$(sed -n 's/^ *\(export [^#]*\).*/\1/p' "$work/log")
echo "to be set: ${exports:-nothing}"
printed=$(on_machine /app "$exports
$build_line && ./app")
[ "$printed" = '1 4 9 16 ' ] || { echo "$build_line: the program printed '$printed'"; exit 1; }
echo "$build_line: ok"
