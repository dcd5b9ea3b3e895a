# SPDX-License-Identifier: MIT
"""Checks that a compilation that cannot succeed gets one readable error from weir, and nothing else.

    requirements.py ROOT COMPILER...

These headers stand for all: tests/hygiene/includes.py checks that every header comes to core/detail/requirements.hpp.
COMPILER is run with -std=c++17; a compiler that is too old, clang++-14, is run with -std=c++20 where there is one.
"""

import pathlib
import shutil
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
HEADERS = ["weir/weir.hpp", "weir/task.hpp", "weir/operators/map.hpp"]
MOST_LINES = 20  # the include stack of the error and the error itself
OLD_COMPILER = "clang++-14"

cases = [(sys.argv[2:], "-std=c++17", "weir needs C++20: compile with -std=c++20")]
if shutil.which(OLD_COMPILER):
    cases.append(([OLD_COMPILER], "-std=c++20", "weir needs a newer compiler"))
else:
    print(f"no {OLD_COMPILER} here: only a missing -std=c++20 is checked")


def check(header, compiler, standard, expected):
    """The complaint about a header, or None."""
    program = f"#include <{header}>\nweir::executor no_such_thing = 1;\n"
    command = [*compiler, standard, "-I", root / "include", "-fsyntax-only", "-fdiagnostics-color=never", "-x", "c++", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    if len(errors) == 1 and expected in errors[0] and len(done.stderr.splitlines()) <= MOST_LINES:
        return None
    return f"{header}, {compiler[0]} {standard}: not one error that says `{expected}`, but\n" + "\n".join(errors[:5])


complaints = [check(header, *case) for header in HEADERS for case in cases]
complaints = [complaint for complaint in complaints if complaint]
print("\n".join(complaints) or f"{len(HEADERS)} headers, {len(cases)} compilers")
sys.exit(bool(complaints))
