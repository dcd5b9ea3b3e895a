"""Compares the programs in README.md, and what it says they print, with the examples; `--fix` rewrites README.md.

    python3 tests/hygiene/readme.py [ROOT [NAME=PROGRAM ...]] [--fix]

In README.md, before a block of code:

    <!-- from examples/NAME.cpp -->      it is what stands between `// [readme]` and `// [/readme]` there
    <!-- output of examples/NAME -->     it is what stands between `// [output]` and `// [/output]` there, as comments,
                                         and what PROGRAM prints
"""

import pathlib
import re
import subprocess
import sys

fix = "--fix" in sys.argv
args = [a for a in sys.argv[1:] if a != "--fix"]
root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[2]
programs = dict(a.split("=", 1) for a in args[1:])
failures = []


def region(name, mark):
    """The lines between // [mark] and // [/mark] of a file."""
    text = (root / name).read_text() if (root / name).is_file() else ""
    found = re.search(rf"^// \[{mark}\]\n(.*?)^// \[/{mark}\]$", text, re.M | re.S)
    if not found:
        failures.append(f"{name}: nothing between `// [{mark}]` and `// [/{mark}]`")
    return found[1] if found else None


def check(what, wanted, block):
    """The block as it should be."""
    if wanted is None or block == wanted:
        return block
    if not fix:
        failures.append(f"README.md: {what} is\n\n{block}\nand should be\n\n{wanted}")
    return wanted


def code(name, block):
    return check(f"the code from {name}", region(name, "readme"), block)


def output(name, block):
    comments = region(f"{name}.cpp", "output")
    said = None if comments is None else re.sub(r"^// ?", "", comments, flags=re.M)
    program = programs.get(pathlib.PurePath(name).name)
    if program is not None and said is not None:
        done = subprocess.run([program], capture_output=True, text=True, timeout=60)
        if (done.returncode, done.stdout) != (0, said):
            failures.append(f"{name}: exit status {done.returncode}, and it prints\n\n{done.stdout}{done.stderr}")
    return check(f"the output of {name}", said, block)


readme = root / "README.md"
old = readme.read_text() if readme.is_file() else ""
new = old
blocks = 0
for mark, language, rewrite in (("from", "cpp", code), ("output of", "text", output)):
    start = rf"<!-- {mark} (examples/\S+) -->\n"
    new, count = re.subn(rf"(?P<front>{start}```{language}\n)(?P<block>.*?)(?P<back>^```$)",
                         lambda m: m["front"] + rewrite(m[2], m["block"]) + m["back"], new, flags=re.M | re.S)
    marks = len(re.findall(start, old))
    if count == 0:
        failures.append(f"README.md: no `<!-- {mark} examples/... -->`")
    elif count != marks:
        failures.append(f"README.md: `<!-- {mark} examples/... -->` stands before something else than ```{language}")
    blocks += count

if fix and new != old:
    readme.write_text(new)
if failures:
    print("\n\n".join(failures))
    print("\nto mend: python3 tests/hygiene/readme.py --fix")
else:
    print(f"{blocks} blocks")
sys.exit(bool(failures))
