#!/bin/sh
# Builds app/ against weir in the three ways a user has: as a Meson subproject through a wrap,
# as an installed pkg-config package, and from CMake through pkg-config. No network.
set -eu

root=$(cd "$1" && pwd)
for tool in meson cmake pkg-config; do
    command -v $tool > /dev/null || { echo "skipped: no $tool"; exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What the test run sets for the tests must not reach the builds below.
unset MESON_TEST_ITERATION WEIR_BACKEND DESTDIR || true

quietly() {
    "$@" > "$work/log" 2>&1 || { echo "failed: $*"; tail -n 60 "$work/log"; exit 1; }
}

check() {
    printed=$("$2")
    [ "$printed" = '1 4 9 16 ' ] || { echo "$1: printed '$printed'"; exit 1; }
    echo "$1: ok"
}

# The tree as a release would have it.
mkdir "$work/weir-0.1.0"
(cd "$root" && tar cf - --exclude=__pycache__ LICENSE meson.build meson_options.txt include src \
    tests examples perf subprojects/*.wrap subprojects/packagefiles) | tar xf - -C "$work/weir-0.1.0"

cp -r "$root/tests/consume/app" "$work/app"
mkdir -p "$work/app/subprojects/packagefiles"
tar czf "$work/app/subprojects/packagefiles/weir.tar.gz" -C "$work" weir-0.1.0
cat > "$work/app/subprojects/weir.wrap" << EOF
[wrap-file]
directory = weir-0.1.0
source_filename = weir.tar.gz
source_hash = $(sha256sum "$work/app/subprojects/packagefiles/weir.tar.gz" | cut -d' ' -f1)

[provide]
dependency_names = weir
EOF
quietly meson setup "$work/sub" "$work/app" --force-fallback-for=weir -Ddefault_library=static
quietly meson compile -C "$work/sub"
check 'meson subproject' "$work/sub/app"
if [ -n "$(find "$work/sub" -type f -name '*_test')" ]; then
    echo 'meson subproject: builds our tests'
    exit 1
fi

quietly meson setup "$work/lib" "$work/weir-0.1.0" --prefix="$work/prefix" --libdir=lib -Dbuildtype=debug \
    -Ddefault_library=shared -Dtests=disabled -Dhygiene=disabled -Dexamples=disabled -Dperf=disabled
quietly meson install -C "$work/lib"
rm -rf "$work/app/subprojects" "$work/weir-0.1.0" "$work/lib"
export PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig" LD_LIBRARY_PATH="$work/prefix/lib"

quietly meson setup "$work/installed" "$work/app"
quietly meson compile -C "$work/installed"
check 'pkg-config' "$work/installed/app"

quietly cmake -S "$work/app" -B "$work/cmake" -G Ninja
quietly cmake --build "$work/cmake"
check 'cmake' "$work/cmake/app"
