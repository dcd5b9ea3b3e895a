#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the commands of the README, as it has them, on a Debian 12 that has nothing else: run it before each release.
#     tests/fresh_machine.sh
#
# Makes the machine with debootstrap in a directory of its own, which it removes; needs root, the network, and 3 GB in
# $TMPDIR or /tmp. What is tested is a clone of the last commit.
set -euo pipefail

cd "$(dirname "$0")/.."
. examples/setup.sh

# To be called in a mount namespace of its own: what is mounted here is gone when it ends.
fresh_machine() {
    local root=$1 mirror='' proxy='' command began status all_ok=yes
    local report=()

    # This machine's way to Debian, in case it is not a direct one.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 'Component: main' 2> /dev/null | head -n 1)
    mirror=${mirror:-http://deb.debian.org/debian}
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    if [ -n "$proxy" ] && [ "$proxy" != DIRECT ]; then export http_proxy=$proxy; fi

    echo '== a Debian 12 without anything'
    debootstrap --variant=minbase bookworm "$root" "$mirror" > "$root.log" 2>&1 || {
        tail -n 20 "$root.log"
        return 1
    }
    # Not all of /etc/apt: hooks and sources may need what only this machine has.
    apt-config dump | grep -E '^Acquire::(http|https|Retries|ForceIPv[46])(::| )' \
        > "$root/etc/apt/apt.conf.d/99machine" || true
    cp -a /etc/apt/auth.conf* "$root/etc/apt/" 2> /dev/null || true
    cp /etc/hosts "$root/etc/hosts"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"

    git clone -q --no-hardlinks . "$root/root/weir"
    for command in "${commands[@]}"; do
        printf '\n== %s\n' "$command"
        began=$SECONDS status=0
        chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd /root/weir && $command" \
            < /dev/null || status=$?
        if [ $status = 0 ]; then status=ok; else status="failed with status $status" all_ok=no; fi
        report+=("$(printf '%-20s %s, %d s' "$command" "$status" $((SECONDS - began)))")
    done
    printf '\n'
    printf '%s\n' "${report[@]}"
    [ $all_ok = yes ]
}

mapfile -t commands < <(sed -n '/^Two commands/,/^In a Meson project/s/^    \([^ ]*\)  *#.*/\1/p' README.md)
[ ${#commands[@]} = 2 ] || stop "README.md has ${#commands[@]} commands where there were two"

if [ "${1:-}" = --in-namespace ]; then
    fresh_machine "$2"
    exit
fi

[ "$(id -u)" = 0 ] || stop 'It takes root to make a machine'
need_packages debootstrap git
[ -z "$(git status --porcelain)" ] || say 'What is not committed is not tested'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# Out here nothing is ever mounted below $work. With the process namespace goes all that was started in it.
unshare --mount --propagation private --pid --fork --kill-child "$0" --in-namespace "$work/root"
