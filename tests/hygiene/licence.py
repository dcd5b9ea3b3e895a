# SPDX-License-Identifier: MIT
"""Fails when a source file does not begin with the licence's identifier; `--fix` adds it.

    python3 tests/hygiene/licence.py --fix
"""

import pathlib
import sys

FOLDERS = (".ci", "include", "src", "tests", "perf", "examples", "packaging", "subprojects/packagefiles")
COMMENTS = {
    "//": (".hpp", ".cpp", ".h", ".js", ".rs", ".go"),
    "#": (".py", ".sh", ".awk", "meson.build", "meson_options.txt", "CMakeLists.txt", ".cmake", "run"),
}
IDENTIFIER = "SPDX-License-Identifier: MIT"


def comment_of(name):
    return next((mark for mark, ends in COMMENTS.items() if name.endswith(ends)), None)


def main():
    fix = "--fix" in sys.argv
    args = [a for a in sys.argv[1:] if a != "--fix"]
    root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[2]
    files = [f for f in root.glob("*") if f.is_file()]
    for folder in FOLDERS:
        files += [f for f in (root / folder).rglob("*") if f.is_file() and "__pycache__" not in f.parts]

    failures = []
    for file in sorted(files):
        mark = comment_of(file.name)
        if mark is None:
            continue
        lines = file.read_text().splitlines(keepends=True)
        at = 1 if lines and lines[0].startswith("#!") else 0
        line = f"{mark} {IDENTIFIER}\n"
        if lines[at : at + 1] == [line]:
            continue
        if fix:
            file.write_text("".join(lines[:at] + [line] + lines[at:]))
        else:
            failures.append(f"{file.relative_to(root)}:{at + 1}: '{line.strip()}' is missing")
    print("\n".join(failures))
    if failures:
        print("\nto mend: python3 tests/hygiene/licence.py --fix")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
