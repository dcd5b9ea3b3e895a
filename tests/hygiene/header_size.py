# SPDX-License-Identifier: MIT
"""Checks how much of weir a header brings along, since users pay for it in each of their source files.

    python3 tests/hygiene/header_size.py ROOT COMPILER...

Preprocesses the umbrella header and each public header, and counts the lines of code that come from weir, without
comments and blank lines. A header that needs more than its budget includes too much, or the budget is raised on purpose.
Standard headers that are slow to compile are refused in public headers.
"""

import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

UMBRELLA = "weir/weir.hpp"
UMBRELLA_BUDGET = 28_000
BUDGET = 5_100
# Headers of the libraries beside weir stand on many of weir's.
BESIDE = {"compression", "http", "messages", "redis", "tls", "websocket"}
BESIDE_BUDGET = 5_800
SLOW = {"filesystem", "regex", "iostream", "fstream", "iomanip", "locale", "execution"}

MARKER = re.compile(r'^# \d+ "([^"]+)"')


def own_lines(root, compiler, header):
    done = subprocess.run([*compiler, "-std=c++20", "-E", f"-I{root / 'include'}", "-x", "c++", "-"], text=True,
                          input=f"#include <{header}>\n", capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{header}: {done.stderr}")
    own, here = 0, False
    for line in done.stdout.splitlines():
        if marker := MARKER.match(line):
            here = marker[1].startswith(str(root))
        elif here and line.strip():
            own += 1
    return own


def main():
    root, compiler = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    include = root / "include"
    headers = [str(p.relative_to(include)) for p in sorted((include / "weir").rglob("*.hpp")) if "detail" not in p.parts]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        sizes = dict(zip(headers, threads.map(lambda h: own_lines(root, compiler, h), headers)))
    failed = False
    for header, size in sizes.items():
        beside = header.split("/")[1] in BESIDE
        budget = UMBRELLA_BUDGET if header == UMBRELLA else BESIDE_BUDGET if beside else BUDGET
        if size > budget:
            print(f"{header}: {size} lines of weir, and its budget is {budget}")
            failed = True
    for path in sorted((include / "weir").rglob("*.hpp")):
        for name in re.findall(r"^#include <(\w+)>", path.read_text(), re.MULTILINE):
            if name in SLOW:
                print(f"{path.relative_to(root)}: includes <{name}>, which is slow to compile")
                failed = True
    if failed:
        sys.exit(1)
    largest = sorted(sizes, key=sizes.get)[-4:]
    print("ok; largest: " + ", ".join(f"{header} {sizes[header]}" for header in reversed(largest)))


if __name__ == "__main__":
    main()
