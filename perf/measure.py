"""Asks the benchmark programs their questions, and shows the answers: tables, JSON lines, pictures.

    python3 perf/measure.py BUILD [--quick] [--peers=SOURCE=COMMAND]... [QUESTION...]

perf/run.sh calls it. SOURCE is a file of perf/peers, whose cases are found by its lines `"question", "case", scale`;
those of a source for which there is no command are reported as missing.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def cases_of(source):
    """(question, case, scale) for each."""
    found = re.findall(r'"(\w+)",\s+"([^"]+)",\s+(\d+),', (HERE / "peers" / source).read_text())
    return [(question, case, int(scale)) for question, case, scale in found]


def peer_arguments(question, commands):
    arguments = []
    for source in ["asio.cpp", "rust/src/main.rs", "go/main.go", "node/main.js"]:
        for asked, case, scale in cases_of(source):
            if asked != question:
                continue
            if source in commands:
                command = f"{commands[source]} {shlex.quote(question)} {shlex.quote(case)}"
                if question == "memory":  # what was given back does not count: a process for each answer
                    command = f"sh -c {shlex.quote(f'while read n; do echo $n | {command}; done')}"
                arguments += ["--peer", case, str(scale), command]
            else:
                arguments += ["--missing", case]
    return arguments


def table(answers):
    """What was measured, a line a case."""
    measured = [a for a in answers if a["kind"] != "missing"]
    floor = measured[0]["median"]
    peers = [a["median"] for a in measured if a["kind"] == "peer"]
    lines = [f"{'':44}{'median':>10}{'MAD':>9}{'min':>10}{'floor':>9}{'peer':>8}{'bar':>10}   ({measured[0]['unit']})"]
    for a in measured:
        line = f"{a['case']:44}{a['median']:10.2f}{a['mad']:9.2f}{a['min']:10.2f}"
        line += f"{a['median'] / floor:8.2f}x" if floor > 0 else f"{'':9}"
        line += f"{a['median'] / min(peers):7.2f}x" if peers and a["kind"] == "weir" else f"{'':8}"
        if "bar" in a:
            line += f"{a['bar']:10.2f}   {'met' if a['median'] <= a['bar'] else 'missed'}"
        lines.append(line.rstrip())
    lines += [f"{a['case']:44}   missing" for a in answers if a["kind"] == "missing"]
    return "\n".join(lines)


def picture(answers, path):
    """A bar for each case, in an SVG file."""
    measured = [a for a in answers if a["kind"] != "missing"]
    colours = {"floor": "#888888", "peer": "#c58b2a", "weir": "#1f6fb2"}
    rows = "".join(f'"{a["case"]}" {a["median"]} {int(colours[a["kind"]][1:], 16)}\n' for a in reversed(measured))
    widest = max(a["median"] for a in measured)
    least = min(a["median"] for a in measured)
    logarithmic = "set logscale x\n" if widest > 20 * max(least, 1e-9) else ""
    start = least / 3 if logarithmic else 0
    script = f"""set terminal svg size 900,{70 + 26 * len(measured)} font "sans-serif,12" background "white"
set output {json.dumps(str(path))}
set title {json.dumps(measured[0]["question"])} noenhanced
set xlabel {json.dumps(measured[0]["unit"])} noenhanced
set xrange [{start}:{widest * 1.4}]
{logarithmic}set yrange [-0.6:{len(measured) - 0.4}]
set ytics noenhanced scale 0
set border 1
unset key
set style fill solid 1.0
$rows << EOD
{rows}EOD
plot $rows using ({start}):0:({start}):2:($0-0.35):($0+0.35):3:ytic(1) with boxxyerror lc rgb variable, \\
     $rows using 2:0:(sprintf("  %.2f", $2)) with labels left noenhanced
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", action="append", default=[])
    parser.add_argument("questions", nargs="*")
    wanted = parser.parse_args()
    commands = dict(p.split("=", 1) for p in wanted.peers)
    programs = {p.name.removeprefix("perf_"): p for p in sorted((wanted.build / "perf").glob("perf_*"))
                if p.is_file() and os.access(p, os.X_OK)}
    unknown = [q for q in wanted.questions if q not in programs]
    if unknown:
        sys.exit(f"no such question: {' '.join(unknown)}; there are: {' '.join(programs)}")

    results = wanted.build / "results"
    results.mkdir(exist_ok=True)
    failed = []
    for question in wanted.questions or programs:
        command = [str(programs[question]), "--json"] + (["--quick"] if wanted.quick else [])
        done = subprocess.run(command + peer_arguments(question, commands), stdout=subprocess.PIPE, text=True)
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or not answers:
            failed.append(question)
            print(f"{question}: failed\n", flush=True)
            continue
        (results / f"{question}.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers))
        print(f"{question}: {answers[0]['question']}\n\n{table(answers)}\n", flush=True)
        if shutil.which("gnuplot"):
            picture(answers, results / f"{question}.svg")
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
