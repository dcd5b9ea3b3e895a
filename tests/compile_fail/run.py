# SPDX-License-Identifier: MIT
"""Builds a case twice: as it is it must compile; with -DMUST_NOT_COMPILE it must fail, and say why.

    run.py CASE.cpp -- COMPILER [FLAGS...]

Each line `// expect: some words` of the case must be found in the first error; the whole output must be short
enough to be read. A line `// flags: -Werror=...` adds to the command.
"""

import re
import subprocess
import sys

MOST_LINES = 20

case = sys.argv[1]
compiler = sys.argv[sys.argv.index("--") + 1 :]


def build(*flags):
    command = [*compiler, "-fsyntax-only", "-fdiagnostics-color=never", *flags, case]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def stop(why, output):
    print(f"{case}: {why}\n\n{output}")
    sys.exit(1)


with open(case, encoding="utf-8") as file:
    text = file.read()
expected = re.findall(r"^\s*//\s*expect:\s*(.+?)\s*$", text, re.M)
compiler += " ".join(re.findall(r"^\s*//\s*flags:\s*(.+?)\s*$", text, re.M)).split()
if not expected:
    stop("has no line `// expect: some words`", "")

status, output = build()
if status:
    stop("does not compile even without MUST_NOT_COMPILE", output)

status, output = build("-DMUST_NOT_COMPILE")
if not status:
    stop("compiles with MUST_NOT_COMPILE", output)

first = next((line for line in output.splitlines() if "error:" in line), "")
for words in expected:
    if words not in first:
        stop(f"the first error does not say `{words}`", output)
# By which headers the compiler came there depends on what else is included.
lines = [line for line in output.splitlines() if not re.match(r"In file included from |\s+from ", line)]
if len(lines) > MOST_LINES:
    stop(f"the output is longer than {MOST_LINES} lines", output)
print(output)
