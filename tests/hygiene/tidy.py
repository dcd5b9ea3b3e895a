# SPDX-License-Identifier: MIT
"""Runs clang-tidy 19, as .clang-tidy says, on what the last commit and the working tree have changed.

    tidy.py [ROOT [BASE]]           changed since BASE, by default since the commit before the last
    tidy.py --all

Headers are seen through tests/consume/app/rooms.cpp, which includes all of them. Exits with 77 where clang-tidy 19 or the
history is missing.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

TOOL = "clang-tidy-19"
FLAGS = ["-std=c++20", "-Iinclude", "-Isrc", "-DWEIR_HAVE_URING=1", "-isystem", "/usr/share/include/llhttp"]
ALL_HEADERS = "tests/consume/app/rooms.cpp"

arguments = [a for a in sys.argv[1:] if a != "--all"]
root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2]
base = arguments[1] if len(arguments) > 1 else "HEAD~1"

if not shutil.which(TOOL):
    print(f"skipped: no {TOOL}")
    sys.exit(77)

sources = sorted(file.relative_to(root).as_posix() for file in (root / "src").rglob("*.cpp"))
if "--all" in sys.argv:
    files = [*sources, ALL_HEADERS]
else:
    diff = subprocess.run(["git", "-C", root, "diff", "--name-only", base], capture_output=True, text=True)
    if diff.returncode:
        print(f"skipped: {diff.stderr.strip()}")
        sys.exit(77)
    changed = diff.stdout.split()
    files = [source for source in sources if source in changed]
    if any(name.startswith("include/") for name in changed):
        files.append(ALL_HEADERS)
if not pathlib.Path("/usr/include/liburing.h").exists():
    FLAGS.remove("-DWEIR_HAVE_URING=1")
    files = [file for file in files if not pathlib.PurePath(file).name.startswith("uring")]


def tidy(file):
    done = subprocess.run([TOOL, "--quiet", file, "--", *FLAGS], cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = [*pool.map(tidy, files)]
for status, output in results:
    if status:
        print(output)
print(f"{len(files)} files, {sum(status != 0 for status, _ in results)} with warnings")
sys.exit(any(status for status, _ in results))
