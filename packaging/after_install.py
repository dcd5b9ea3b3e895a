# SPDX-License-Identifier: MIT
"""Run by `meson install`: lets the loader find the library, and says what is left to be set.

    after_install.py PREFIX LIBDIR
"""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

prefix, libdir = map(pathlib.Path, sys.argv[1:])


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return ""


def contains(directories, wanted):
    return any(os.path.realpath(directory) == os.path.realpath(wanted) for directory in directories if directory)


def variable(name):
    return os.environ.get(name, "").split(":")


def say(text):
    """Prints on the standard output of Meson, which keeps that of a script to itself unless the script fails."""
    try:
        kind = os.stat(output := f"/proc/{os.getppid()}/fd/1").st_mode
        # A file is not opened again, because that would overwrite what Meson has buffered.
        with open(output if not stat.S_ISREG(kind) else 1, "w", closefd=not stat.S_ISREG(kind)) as file:
            print(text, file=file)
    except OSError:
        print(text)


exports = []


def export(name, value, why):
    """What stands in the variable already is kept."""
    exports.append(f"    export {name}={value}${{{name}:+:${name}}}    # {why}")


ldconfig = shutil.which("ldconfig", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
if (libdir / "libweir.so").exists() and ldconfig:
    # With -N and -X, ldconfig prints the directories and changes nothing.
    searched = re.findall(r"^(/[^:\n]*):", output_of(ldconfig, "-v", "-N", "-X"), re.M)
    if contains(searched, libdir):
        if os.geteuid() == 0:
            subprocess.run([ldconfig])
        elif "libweir.so" not in output_of(ldconfig, "-p"):
            say(f"The loader's cache does not have libweir.so yet. As root: {ldconfig}")
    elif not contains(variable("LD_LIBRARY_PATH"), libdir):
        export("LD_LIBRARY_PATH", libdir, "for the loader")

pc_path = output_of("pkg-config", "--variable", "pc_path", "pkg-config").strip().split(":")
if pc_path != [""] and not contains(pc_path + variable("PKG_CONFIG_PATH"), libdir / "pkgconfig"):
    export("PKG_CONFIG_PATH", libdir / "pkgconfig", "for pkg-config and Meson")

# CMake searches prefixes for lib and for Debian's lib/<architecture>.
cmake_finds = libdir.name == "lib" or libdir.parent.name == "lib"
if not cmake_finds:
    exports.append(f"    export weir_DIR={libdir / 'cmake' / 'weir'}    # for CMake")
elif not contains(["/usr", "/usr/local"] + variable("CMAKE_PREFIX_PATH"), prefix):
    export("CMAKE_PREFIX_PATH", prefix, "for CMake")

if exports:
    say(f"weir is installed in {libdir}, which is not searched by default here. Set:\n\n" + "\n".join(exports) + "\n")
