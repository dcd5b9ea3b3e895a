# SPDX-License-Identifier: MIT
"""Fails when a file is not as .clang-format has it, or when a line is wider than 120 columns; `--fix` formats the files.

clang-format does not break comments and Markdown. Tables and lines with an address may be wider.

    python3 tests/hygiene/format.py --fix
"""

import pathlib
import re
import subprocess
import sys

WANTED = 19  # other versions break lines differently
COLUMNS = 120
FOLDERS = ("include", "src", "tests", "perf", "examples")
CODE = (".hpp", ".cpp", ".h")

fix = "--fix" in sys.argv
args = [a for a in sys.argv[1:] if a != "--fix"]
root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[2]
tool = args[1] if len(args) > 1 else "clang-format-19"

texts = [f for folder in (*FOLDERS, "docs") for f in (root / folder).rglob("*") if f.suffix in (*CODE, ".md")]
too_wide = 0
for f in sorted([*texts, *root.glob("*.md")]):
    for number, line in enumerate(f.read_text().splitlines(), 1):
        if len(line) > COLUMNS and "://" not in line and not (f.suffix == ".md" and line.startswith("|")):
            print(f"{f.relative_to(root)}:{number}: {len(line)} columns, {COLUMNS} are allowed")
            too_wide += 1
if too_wide:
    sys.exit(1)

version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
found = re.search(r"version (\d+)", version)
if not found or int(found[1]) != WANTED:
    print(f"skipped: clang-format {WANTED} is wanted, this is: {version.strip()}")
    sys.exit(77)

files = sorted(
    str(f)
    for folder in FOLDERS
    for f in (root / folder).rglob("*")
    if f.suffix in CODE
)
if not files:
    sys.exit(0)
mode = ["-i"] if fix else ["--dry-run", "-Werror"]
failed = subprocess.run([tool, "--style=file", *mode, *files]).returncode
if failed:
    print("\nto mend: python3 tests/hygiene/format.py --fix")
sys.exit(failed)
