# SPDX-License-Identifier: MIT
"""Puts test files together, so that a compiler reads the headers and instantiates what they share once for all of them.

    together.py OUTPUT.cpp... -- TEST.cpp...
    together.py --library OUTPUT.cpp -- SOURCE.cpp...

Each file keeps its names to itself: first come the headers of all, then each file in a namespace of its own. Compilers
name the files that people wrote.

The files of the library stay in their namespaces. The project's headers come first, so that none of them sees a name of
a source file.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r"^#include .*$", re.M)
OWN_INCLUDE = re.compile(r"^#include (?:<weir/|\").*$", re.M)

split = sys.argv.index("--")
outputs = sys.argv[1:split]
files = [pathlib.Path(name) for name in sys.argv[split + 1 :]]
tests = {file: file.read_text(encoding="utf-8") for file in files}

if outputs[0] == "--library":
    headers = sorted({header for text in tests.values() for header in OWN_INCLUDE.findall(text)})
    text = "\n".join([*headers, "", *(f'#include "{file.resolve()}"' for file in files), ""])
    pathlib.Path(outputs[1]).write_text(text, encoding="utf-8")
    sys.exit()

# The largest first, each to where there is least: no program waits for one long file.
groups = [[] for _ in outputs]
for test in sorted(tests, key=lambda test: (-len(tests[test]), test)):
    min(groups, key=lambda group: sum(len(tests[other]) for other in group)).append(test)

for output, group in zip(outputs, groups):
    headers, bodies = set(), []
    for test in sorted(group):
        headers.update(INCLUDE.findall(tests[test]))
        name = re.sub(r"\W", "_", f"{test.parent.name}_{test.stem}")
        body = INCLUDE.sub("", tests[test])
        bodies.append(f'namespace {name} {{\n#line 1 "{test}"\n{body}\n}} // namespace {name}\n')
    text = "\n".join([*sorted(headers), "", *bodies])
    pathlib.Path(output).write_text(text, encoding="utf-8")
