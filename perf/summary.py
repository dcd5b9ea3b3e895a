# SPDX-License-Identifier: MIT
"""The table and the picture of README.md, from the results of a run.

    python3 perf/summary.py RESULTS [--write]

RESULTS is where perf/run.sh leaves its JSON lines. Without --write the table goes to standard output.
"""

import json
import math
import os
import pathlib
import platform
import re
import subprocess
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parent / "README.md"
PICTURE = HERE / "summary.svg"
BEGIN, END = "<!-- measured -->", "<!-- measured until here -->"

# The rows that README.md shows: the file of the question, the measured subject, weir's case, and the format.
ROWS = [
    ("fused", "six fused stages, an item", "iota|map|filter|map|take|fold", "ns"),
    ("generator", "a coroutine generator, an item", "generator", "ns"),
    ("merge", "`merge` of eight streams, an item", "merge(8 streams)", "ns"),
    ("map_async", "`map_async_unordered(64)`, an item", "map_async_unordered(64)", "ns"),
    ("channel", "`channel(64)` on one thread, an item", "channel(64), pipelines", "ns"),
    ("channel_threads", "`concurrent_channel(64)` between two threads, an item", "channel(64), pipelines", "ns"),
    ("task", "create and await a task", "create and await", "ns"),
    ("spawn", "spawn and join a task", "spawn and join", "ns"),
    ("timers", "arm and cancel a timer, a million alive", "deadline_timer", "ns"),
    ("echo", "a round trip of 64 bytes, 64 connections, server CPU", "uring: read | write", "us"),
    ("idle", "memory of an idle connection", "uring: read | for_each", "B"),
]

# Cases that measure another subject.
OTHERS = re.compile("slow consumer|on demand")


def answers(results, question):
    path = results / f"{question}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rows(results):
    """(what, unit, weir, floor, peer, peer's name), the last three None where they are unknown."""
    for question, what, case, unit in ROWS:
        found = answers(results, question)
        weir = next((a for a in found if a["kind"] == "weir" and a["case"] == case), None)
        if weir is None:
            sys.exit(f"{results}: no answer to {question} for {case}")
        same = [a for a in found if a["kind"] != "missing" and a["question"] == weir["question"] and
                not OTHERS.search(a["case"])]
        floor = next((a for a in same if a["kind"] == "floor"), None)
        peers = [a for a in same if a["kind"] == "peer"]
        peer = min(peers, key=lambda a: a["median"], default=None)
        scale = 1000 if unit == "us" else 1
        yield (what, unit, weir["median"] / scale, floor and floor["median"] / scale,
               peer and peer["median"] / scale, peer and peer["case"])


def written(value, unit):
    if value is None:
        return ""
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{digits}f} {unit}"


def table(results):
    lines = ["| | weir | best peer | floor |", "|---|---|---|---|"]
    for what, unit, weir, floor, peer, name in rows(results):
        lines.append(f"| {what} | {written(weir, unit)} | {written(peer, unit)}{f' ({name})' if name else ''} | "
                     f"{written(floor, unit)} |")
    return "\n".join(lines)


def picture(results):
    compared = [(what.replace("`", ""), weir / peer, name) for what, _, weir, _, peer, name in rows(results) if peer]
    data = "".join(f'"{what}" {ratio} "{name}"\n' for what, ratio, name in reversed(compared))
    subprocess.run(["gnuplot"], text=True, check=True, input=f"""
set terminal svg size 1200,{90 + 30 * len(compared)} font "sans-serif,12" background "white"
set output {json.dumps(str(PICTURE))}
set title "weir in parts of what the best peer takes: less is better"
set rmargin 38
set xrange [0:1.5]
set yrange [-0.6:{len(compared) - 0.4}]
set ytics noenhanced scale 0
set xtics ("0" 0, "half" 0.5, "as much" 1)
set arrow from 1, graph 0 to 1, graph 1 nohead dt 2
set border 1
unset key
set style fill solid 1.0
$rows << EOD
{data}EOD
plot $rows using (0):0:(0):2:($0-0.35):($0+0.35):ytic(1) with boxxyerror lc rgb "#1f6fb2", \\
     $rows using 2:0:(sprintf("  %.2f of %s", $2, strcol(3))) with labels left noenhanced
""")


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    kernel = platform.release().split("-")[0]
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
    return f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} processors, Linux {kernel}, g++ {compiler}"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    results = pathlib.Path(arguments[0])
    if "--write" not in sys.argv:
        return print(table(results))
    text = README.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    said = textwrap.fill(f"{machine()}. `perf/run.sh` measures it anew, `perf/summary.py` writes this. A floor "
                         "is the least code that does it by hand, without errors or cancellation.", 120)
    README.write_text(f"{before}{BEGIN}\n{said}\n\n{table(results)}\n\n"
                      f"![weir beside the best peer](perf/summary.svg)\n{END}{after}")
    picture(results)


if __name__ == "__main__":
    main()
