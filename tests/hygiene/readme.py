# SPDX-License-Identifier: MIT
"""Compares the code in README.md and docs/, and what it says is printed, with the files that it is cut from.

    python3 tests/hygiene/readme.py [ROOT [NAME=PROGRAM ...]] [--fix]
    python3 tests/hygiene/readme.py --self-test

`--fix` rewrites the pages. In a page, before a block of code:

    <!-- from examples/NAME.cpp -->           the block is what stands between `// [readme]` and `// [/readme]` there
    <!-- from tests/DIR/NAME.cpp [MARK] -->  the block is what stands between `// [MARK]` and `// [/MARK]` there
    <!-- output of examples/NAME -->          the block is what stands between `// [output]` and `// [/output]` there, as
                                              comments, and what PROGRAM prints

Indentation that all lines of a region share is removed. Every block of C++ in docs/ has such a comment, so that all of
them compile; and every relative link leads to a file.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

MARK = re.compile(
    r"<!-- (?P<kind>from|output of) (?P<name>\S+)(?: \[(?P<mark>[^\]]+)\])? -->\n"
    r"(?P<fence>```(?P<language>\w*)\n(?P<block>.*?)^```$)?",
    re.M | re.S)
LANGUAGE = {"from": "cpp", "output of": "text"}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")


class Checker:
    def __init__(self, root, programs):
        self.root, self.programs = root, programs
        self.failures = []
        self.blocks = 0

    def region(self, name, mark):
        """The lines between // [mark] and // [/mark] of a file."""
        file = self.root / name
        text = file.read_text() if file.is_file() else ""
        found = re.search(rf"^ *// \[{re.escape(mark)}\]\n(.*?)^ *// \[/{re.escape(mark)}\]$", text, re.M | re.S)
        if not found:
            self.failures.append(f"{name}: nothing between `// [{mark}]` and `// [/{mark}]`")
        return textwrap.dedent(found[1]) if found else None

    def output(self, name):
        """What the program says that it prints, which is compared with what it does print."""
        comments = self.region(f"{name}.cpp", "output")
        said = None if comments is None else re.sub(r"^// ?", "", comments, flags=re.M)
        program = self.programs.get(pathlib.PurePath(name).name)
        if program is not None and said is not None:
            done = subprocess.run([program], capture_output=True, text=True, timeout=60)
            if (done.returncode, done.stdout) != (0, said):
                self.failures.append(
                    f"{name}: exit status {done.returncode}, and it prints\n\n{done.stdout}{done.stderr}")
        return said

    def page(self, page, fix):
        """Checks a page, or rewrites it."""
        name = page.relative_to(self.root).as_posix()
        old = page.read_text() if page.is_file() else ""

        def block(found):
            kind, file = found["kind"], found["name"]
            what = found[0].partition("\n")[0]
            if found["fence"] is None or found["language"] != LANGUAGE[kind]:
                self.failures.append(f"{name}: `{what}` is not followed by ```{LANGUAGE[kind]}")
                return found[0]
            self.blocks += 1
            wanted = self.output(file) if kind == "output of" else self.region(file, found["mark"] or "readme")
            if wanted is None or wanted == found["block"]:
                return found[0]
            if not fix:
                self.failures.append(f"{name}: the block of `{what}` is\n\n{found['block']}\nand should be\n\n{wanted}")
            start, end = found.start("block") - found.start(), found.end("block") - found.start()
            return found[0][:start] + wanted + found[0][end:]

        new = MARK.sub(block, old)
        if name == "README.md":
            for kind in LANGUAGE:
                if f"<!-- {kind} examples/" not in old:
                    self.failures.append(f"README.md: no `<!-- {kind} examples/... -->`")
        else:
            marked = {found.start("fence") for found in MARK.finditer(old)}
            for fence in re.finditer(r"^```cpp$", old, re.M):
                if fence.start() not in marked:
                    line = old.count("\n", 0, fence.start()) + 1
                    self.failures.append(f"{name}:{line}: a block of C++ that is cut from no file")
        for link in LINK.finditer(re.sub(r"```.*?```|`[^`\n]*`", "", old, flags=re.S)):
            if not (page.parent / link[1]).exists():
                self.failures.append(f"{name}: there is no {link[1]}")
        if fix and new != old:
            page.write_text(new)


def check(root, programs=None, fix=False):
    checker = Checker(root, programs or {})
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        checker.page(page, fix)
    return checker


def self_test():
    """Plants mistakes in a small tree."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "examples").mkdir()
        (root / "examples/a.cpp").write_text("// [readme]\nint x;\n// [/readme]\n// [output]\n// 1\n// [/output]\n"
                                             "{\n    // [part]\n    f();\n    // [/part]\n}\n")
        readme = "<!-- from examples/a.cpp -->\n```cpp\nint x;\n```\n<!-- output of examples/a -->\n```text\n1\n```\n"
        page = "<!-- from examples/a.cpp [part] -->\n```cpp\nf();\n```\n[it](../README.md#there)\n"
        plants = [
            (readme, page, None),
            (readme.replace("int x", "int y"), page, "README.md: the block of `<!-- from"),
            (readme.replace("\n1\n", "\n2\n"), page, "README.md: the block of `<!-- output of"),
            (readme.replace("output of", "out of"), page, "README.md: no `<!-- output of"),
            (readme, page.replace("f()", "g()"), "docs/page.md: the block of `<!-- from"),
            (readme, page.replace("[part]", "[other]"), "nothing between"),
            (readme, page.replace("```cpp", "```text"), "is not followed by ```cpp"),
            (readme, page + "```cpp\nf();\n```\n", "docs/page.md:6: a block of C++"),
            (readme, page.replace("README", "LIESMICH"), "there is no ../LIESMICH.md"),
        ]
        missed = []
        for first, second, why in plants:
            (root / "README.md").write_text(first)
            (root / "docs/page.md").write_text(second)
            failures = check(root).failures
            if (why is None and failures) or (why is not None and not any(why in failure for failure in failures)):
                missed.append(f"expected {why}, found {failures}")
        (root / "README.md").write_text(readme)
        (root / "docs/page.md").write_text(page.replace("f();\n", ""))
        check(root, fix=True)
        if (root / "docs/page.md").read_text() != page:
            missed.append("--fix does not write what is wanted")
    print("\n".join(missed) or f"{len(plants) - 1} planted mistakes found")
    return bool(missed)


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    if "--self-test" in sys.argv:
        return self_test()
    root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[2]
    checker = check(root, dict(a.split("=", 1) for a in args[1:]), "--fix" in sys.argv)
    if checker.failures:
        print("\n\n".join(checker.failures))
        print("\nto mend: python3 tests/hygiene/readme.py --fix")
    else:
        print(f"{checker.blocks} blocks")
    return bool(checker.failures)


sys.exit(main())
