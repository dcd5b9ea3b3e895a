# SPDX-License-Identifier: MIT
"""Fails when a file is not as .clang-format has it; `--fix` formats them.

    python3 tests/hygiene/format.py --fix
"""

import pathlib
import re
import subprocess
import sys

WANTED = 19  # other versions break lines differently

fix = "--fix" in sys.argv
args = [a for a in sys.argv[1:] if a != "--fix"]
root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[2]
tool = args[1] if len(args) > 1 else "clang-format-19"

version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
found = re.search(r"version (\d+)", version)
if not found or int(found[1]) != WANTED:
    print(f"skipped: clang-format {WANTED} is wanted, this is: {version.strip()}")
    sys.exit(77)

files = sorted(
    str(f)
    for folder in ("include", "src", "tests", "perf", "examples")
    for f in (root / folder).rglob("*")
    if f.suffix in (".hpp", ".cpp", ".h")
)
if not files:
    sys.exit(0)
mode = ["-i"] if fix else ["--dry-run", "-Werror"]
failed = subprocess.run([tool, "--style=file", *mode, *files]).returncode
if failed:
    print("\nto mend: python3 tests/hygiene/format.py --fix")
sys.exit(failed)
