# SPDX-License-Identifier: MIT
"""Runs tests/trace/subject.cpp with WEIR_TRACE, and checks the file that it leaves.

    python3 tests/trace/run.py SUBJECT
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "trace.json")
    subprocess.run([sys.argv[1]], check=True, env={**os.environ, "WEIR_TRACE": str(file)})
    events = json.loads(file.read_text())

tracks = {event["tid"] for event in events}
assert len(tracks) == 2, tracks
for track in tracks:
    mine = [event for event in events if event["tid"] == track]
    turns = [event for event in mine if event["name"] == "turn"]
    idle = [event for event in mine if event["name"] == "timers and I/O"]
    runs = [event for event in mine if event["ph"] == "X" and event not in turns + idle]
    waits = [event for event in mine if event["ph"] in "be"]
    assert turns and len(turns) == len(idle) and runs, (len(turns), len(idle), len(runs))
    for run in runs:
        assert any(turn["ts"] <= run["ts"] and run["ts"] + run["dur"] <= turn["ts"] + turn["dur"] + 0.001
                   for turn in turns), run
    assert any("consumes at" in run["name"] for run in runs if run["dur"] >= 150), runs[:9]
    assert len(runs) < 2000, "it is not a sample"
    begins = {event["id"]: event for event in waits if event["ph"] == "b"}
    ends = {event["id"]: event for event in waits if event["ph"] == "e"}
    assert begins and begins.keys() == ends.keys()
    assert all(begins[i]["ts"] <= ends[i]["ts"] for i in begins)
    assert {event["name"] for event in waits} == {'a "name" \\'}, waits

refused = subprocess.run([sys.argv[1]], env={**os.environ, "WEIR_TRACE": "/nonexistent/trace.json"}, check=True,
                         capture_output=True, text=True).stderr
assert refused.count("WEIR_TRACE: weir::trace_file: open /nonexistent/trace.json") == 1, refused
full = subprocess.run([sys.argv[1]], env={**os.environ, "WEIR_TRACE": "/dev/full"}, check=True, capture_output=True,
                      text=True).stderr
assert full == "weir::trace_file: write /dev/full: No space left on device; the trace ends here\n", full
print(f"{len(events)} events on {len(tracks)} tracks")
