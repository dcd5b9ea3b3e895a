# SPDX-License-Identifier: MIT
"""Passes what tests/graph/subject.cpp prints to Graphviz, and compares what Graphviz has read.

    python3 tests/graph/run.py SUBJECT
"""

import json
import shutil
import subprocess
import sys

if shutil.which("dot") is None:
    print("skipped: Graphviz is not installed")
    sys.exit(77)

text = subprocess.run([sys.argv[1]], check=True, capture_output=True).stdout
drawn = json.loads(subprocess.run(["dot", "-Tjson0"], input=text, check=True, capture_output=True).stdout)
# Graphviz keeps the escapes of a label.
names = [node["label"].split("\\nwaited")[0].replace("\\\\", "\\") for node in drawn["objects"]]
edges = sorted((edge["tail"], edge["head"]) for edge in drawn["edges"])
expected = ["iota", "map", 'meter\\na "quoted" \\ name\\n3 items', "iota", "merge\\nholds up to 2 items",
            "meter\\nall\\n5 items", "drain"]
assert names == expected, names
assert drawn["label"] == "holds up to 2 items", drawn["label"]
assert edges == [(0, 1), (1, 2), (2, 4), (3, 4), (4, 5), (5, 6)], edges
print(f"Graphviz has read {len(names)} stages and {len(edges)} edges")
