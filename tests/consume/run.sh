#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds app/ with weir in every supported way. Uses no network.
#     run.sh ROOT WAY...
#
#     wrap            a Meson subproject, through the wrap that README.md shows
#     installed       an installed weir: by pkg-config; after it was moved, by find_package and by the .cps file
#     warnings        no warnings from weir's headers with users' compilers, standards, libraries and flags
#     subdirectory    a CMake subdirectory, with and without io_uring, with two compilers
set -euo pipefail

root=$(cd "$1" && pwd)
shift
for tool in meson cmake pkg-config python3 git; do
    command -v $tool > /dev/null || { echo "skipped: no $tool"; exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The variables of the test run must not affect the builds below.
unset MESON_TEST_ITERATION WEIR_BACKEND DESTDIR || true
export CXX=${CXX:-g++}
# The library is compiled as one file; bare.sh builds it without options.
fast=(-Dbuildtype=debug -Doptimization=0 -Ddebug=false)

quietly() {
    "$@" > "$work/log" 2>&1 || { echo "failed: $*"; tail -n 60 "$work/log"; exit 1; }
}

check() {
    printed=$("${@:2}")
    [ "$printed" = '1 4 9 16 ' ] || { echo "$1: printed '$printed'"; exit 1; }
    echo "$1: ok"
}

# The libraries beside weir, where their builds have what they need.
#     check_libraries WAY [env VARIABLE=VALUE] DIRECTORY    runs messages_app, tls_app and others of the directory
libraries=' messages'
if pkg-config --exists 'openssl >= 3.0'; then libraries+=' tls'; fi
if pkg-config --exists 'libllhttp >= 8.1' || [ -e /usr/share/llhttp/llhttp.c ]; then libraries+=' http'; fi
if pkg-config --exists 'hiredis >= 0.14'; then libraries+=' redis'; fi
if pkg-config --exists zlib 'libzstd >= 1.4'; then libraries+=' compression'; fi
if [[ $libraries = *http* && -e /usr/include/wslay/wslay.h ]]; then libraries+=' websocket'; fi
check_libraries() {
    local library
    for library in $libraries; do
        [ "$("${@:2:$#-2}" "${!#}/${library}_app")" = refused ] || { echo "$1, weir-$library: failed"; exit 1; }
        echo "$1, weir-$library: ok"
    done
}
# options PREFIX ON: PREFIXtls=ON ...
options() {
    local library
    for library in $libraries; do echo "$1$library=$2"; done
}

# The tree as in a release.
release=$work/weir-0.1.0
mkdir "$release"
(cd "$root" && tar cf - --exclude=__pycache__ LICENSE CMakeLists.txt meson.build meson_options.txt include src packaging \
    tests examples perf subprojects/*.wrap subprojects/packagefiles) | tar xf - -C "$release"
cp -r "$root/tests/consume/app" "$work/app"

wrap() {
    # The wrap file from README.md, with another address.
    mkdir "$work/app/subprojects"
    sed -n '/^\[wrap-git\]$/,/^```$/p' "$root/README.md" | grep -v '^```$' > "$work/readme.wrap"
    sed "s|^url = .*|url = file://$release|" "$work/readme.wrap" > "$work/app/subprojects/weir.wrap"
    grep -q '^url = file:' "$work/app/subprojects/weir.wrap" || { echo 'README.md shows no wrap with a url'; exit 1; }
    git -C "$release" init -q
    git -C "$release" add -A
    git -C "$release" -c user.name=weir -c user.email=weir@localhost commit -q -m release
    git -C "$release" tag "$(sed -n 's/^revision = //p' "$work/readme.wrap")"

    quietly meson setup "$work/sub" "$work/app" --force-fallback-for=weir -Dweir:library_together=true \
        -Ddefault_library=static "${fast[@]}"
    quietly meson compile -C "$work/sub"
    check 'wrap' "$work/sub/app"
    if [ -n "$(find "$work/sub" -type f -name '*_test')" ]; then
        echo 'wrap: builds our tests'
        exit 1
    fi
    rm -rf "$work/app/subprojects"
}

installed() {
    local moved=$work/moved/elsewhere
    # shellcheck disable=SC2046
    quietly meson setup "$work/lib" "$release" --prefix="$work/prefix" --libdir=lib -Ddefault_library=shared \
        -Dlibrary_together=true $(options -D enabled) "${fast[@]}"
    quietly meson install -C "$work/lib"
    quietly env PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" meson setup "$work/pc" "$work/app" "${fast[@]}"
    quietly meson compile -C "$work/pc"
    check 'pkg-config' env LD_LIBRARY_PATH="$work/prefix/lib" "$work/pc/app"
    local library flags
    for library in $libraries; do
        flags=$(PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig pkg-config --cflags --libs "weir-$library")
        # shellcheck disable=SC2086
        quietly $CXX -std=c++20 -o "$work/pc/${library}_app" "$work/app/$library.cpp" $flags
    done
    check_libraries 'pkg-config' env LD_LIBRARY_PATH="$work/prefix/lib" "$work/pc"

    # Headers of another version, a standard library with another layout, and a sanitizer in the program only.
    cp -r "$work/prefix/include" "$work/newer_headers"
    sed -i 's/weir_differ<0, 1, /weir_differ<0, 2, /' "$work/newer_headers/weir/executor/executor.hpp"
    for flags in "-I$work/newer_headers" "-D_GLIBCXX_DEBUG -I$work/prefix/include" \
        "-fsanitize=address -I$work/prefix/include"; do
        # shellcheck disable=SC2086
        if $CXX -std=c++20 $flags "$work/app/main.cpp" "$work/prefix/lib/libweir.so" -o "$work/differs" 2> "$work/log"
        then
            echo "mismatch, ${flags%% *}: links"
            exit 1
        fi
        grep -q 'undefined.*headers_and_library_of_weir_differ<' "$work/log" || { cat "$work/log"; exit 1; }
    done
    echo 'mismatch of headers and library: ok'

    mkdir "$work/moved"
    mv "$work/prefix" "$moved"
    rm -rf "$work/lib"
    quietly cmake -S "$work/app" -B "$work/find" -G Ninja -DCMAKE_PREFIX_PATH="$moved"
    quietly cmake --build "$work/find"
    check 'find_package' "$work/find/app"
    check_libraries 'find_package' "$work/find"

    if cmake -S "$work/app" -B "$work/newer" -G Ninja -DCMAKE_PREFIX_PATH="$moved" -DWEIR_WANTED=0.2 > /dev/null 2>&1; then
        echo 'find_package: 0.1 serves as 0.2'
        exit 1
    fi

    python3 - "$moved" << 'EOF'
import json, pathlib, sys

prefix = sys.argv[1]
package = json.loads(pathlib.Path(prefix, "lib/cps/weir.cps").read_text())
assert package["cps_path"] == "@prefix@/lib/cps"
component = package["components"]["weir"]
for path in [component["location"], *component["includes"]]:
    assert pathlib.Path(path.replace("@prefix@", prefix)).exists(), path
EOF
    echo 'cps: ok'
}

subdirectory() {
    local other=g++
    case $CXX in *g++*) case $CXX in *clang*) ;; *) other=clang++-19 ;; esac ;; esac
    cmake_build() { # NAME COMPILER AUTO|OFF OPTION...
        # shellcheck disable=SC2086
        quietly env CXX="$2" cmake -S "$work/app" -B "$work/$1" -G Ninja -DWEIR_SOURCE="$release" -DWEIR_IO_URING="$3" \
            "${@:4}" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
        grep "io_uring:" "$work/log"
        quietly cmake --build "$work/$1"
        check "add_subdirectory, $2, WEIR_IO_URING=$3" "$work/$1/app"
    }
    # shellcheck disable=SC2046
    cmake_build first "$CXX" AUTO $(options -DWEIR_ ON | tr '[:lower:]' '[:upper:]')
    check_libraries 'add_subdirectory' "$work/first"
    if command -v $other > /dev/null; then
        cmake_build second $other OFF
    else
        echo "no $other here: WEIR_IO_URING=OFF is not tested"
        exit 77
    fi
}

warnings() {
    local rooms=("$root/tests/consume/app/rooms.cpp" -I "$root/include" -Werror -Wall -Wextra)
    silent() {
        command -v "$1" > /dev/null || return 0
        quietly "$@" "${rooms[@]}"
        echo "warnings: $*: none"
    }
    # At -O2, g++ also warns about uninitialised variables.
    silent g++ -std=c++20 -O2 -Wuseless-cast -Wnon-virtual-dtor -S -o /dev/null
    silent g++ -std=c++23 -fno-rtti -fsyntax-only
    silent clang++-19 -std=c++20 -Wnon-virtual-dtor -Wshadow -fsyntax-only
    # libc++ 19 has std::stop_token only with -fexperimental-library.
    if [ -e /usr/lib/llvm-19/include/c++ ]; then
        silent clang++-19 -std=c++23 -stdlib=libc++ -fexperimental-library -fno-rtti -fsyntax-only
    fi
}

for way; do $way; done
