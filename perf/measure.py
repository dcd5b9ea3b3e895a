# SPDX-License-Identifier: MIT
"""Asks the benchmark programs their questions, and shows the answers: tables, JSON lines, pictures.

    python3 perf/measure.py BUILD [--quick] [--instructions] [--curves] [--peers=SOURCE=COMMAND]... [QUESTION...]

perf/run.sh calls it. SOURCE is a key of PEERS, whose cases are found by its lines `"question", "case", scale`;
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

import bars

HERE = pathlib.Path(__file__).resolve().parent

# The source of each peer, and the names to print in place of its names.
PEERS = {
    "asio": ("asio.cpp", ("asio", "asio")),
    "boost": ("asio.cpp", ("asio", "Boost.Asio")),
    "rust": ("rust/src/main.rs", ("", "")),
    "go": ("go/main.go", ("", "")),
    "node": ("node/main.js", ("", "")),
}
COMPILED = ("asio", "boost", "rust")

# The questions that one thread answers, whose instructions can be counted. With a number of items where it is not
# ITEMS.
ONE_THREAD = {"channel", "flatten", "fused", "generator", "groups", "map_async", "merge", "share", "spawn", "stages",
              "task", "timed", "timers", "yield"}
ITEMS = 20_000
SPECIAL_ITEMS = {"timers": 1_000_000}

COLOURS = {"floor": "#888888", "peer": "#c58b2a", "weir": "#1f6fb2"}


def cases_of(question):
    """(peer, case in its source, case as it is shown, scale) for each."""
    for peer, (source, renamed) in PEERS.items():
        for asked, case, scale in re.findall(r'"(\w+)",\s+"([^"]+)",\s+(\d+),', (HERE / "peers" / source).read_text()):
            if asked == question:
                yield peer, case, case.replace(*renamed), scale


def peer_arguments(question, commands):
    arguments = []
    for peer, case, shown, scale in cases_of(question):
        if peer not in commands:
            arguments += ["--missing", shown]
            continue
        command = f"{commands[peer]} {shlex.quote(question)} {shlex.quote(case)}"
        if question == "memory":  # freed memory must not count: a new process for each answer
            command = f"sh -c {shlex.quote(f'while read n; do echo $n | {command}; done')}"
        arguments += ["--peer", shown, scale, command]
    return arguments


def by_question(answers):
    """A program may ask more than one."""
    found = {}
    for a in answers:
        found.setdefault(a["question"], []).append(a)
    return list(found.values())


def counted(command, items):
    """What callgrind counts; None where that fails."""
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                          input=f"{items}\n", capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found[1]) if done.returncode == 0 and found else None


def count_instructions(question, program, commands, answers):
    """Adds to each answer how many instructions an item takes, without what is done once."""
    items = SPECIAL_ITEMS.get(question, ITEMS)
    peers = {shown: (peer, case) for peer, case, shown, _ in cases_of(question)}
    for a in answers:
        if a["kind"] == "missing":
            continue
        peer, case = peers.get(a["case"], ("", ""))
        if peer and peer not in COMPILED:
            continue
        less, more = (counted([commands[peer], question, case] if peer else [program, "--once", a["case"], str(n)], n)
                      for n in (items, 3 * items))
        if less is not None and more is not None:
            a["instructions"] = round((more - less) / (2 * items), 2)


def table(answers):
    """What was measured, a line a case."""
    measured = [a for a in answers if a["kind"] != "missing"]
    if not measured:
        return missing(answers)
    floor = measured[0]["median"]
    peers = [a["median"] for a in measured if a["kind"] == "peer"]
    counts = any("instructions" in a for a in measured)
    lines = [f"{'':44}{'median':>10}{'MAD':>9}{'min':>10}{'floor':>9}{'peer':>8}" +
             (f"{'instr.':>9}" if counts else "") + f"   ({measured[0]['unit']})"]
    for a in measured:
        line = f"{a['case']:44}{a['median']:10.2f}{a['mad']:9.2f}{a['min']:10.2f}"
        line += f"{a['median'] / floor:8.2f}x" if floor > 0 else f"{'':9}"
        line += f"{a['median'] / min(peers):7.2f}x" if peers and min(peers) > 0 and a["kind"] == "weir" else f"{'':8}"
        if counts:
            line += f"{a['instructions']:9.1f}" if "instructions" in a else f"{'':9}"
        lines.append(line.rstrip())
    return "\n".join(lines) + missing(answers)


def missing(answers):
    return "".join(f"\n{a['case']:44}   missing" for a in answers if a["kind"] == "missing")


def picture(answers, path):
    """A bar for each case, in an SVG file."""
    measured = [a for a in answers if a["kind"] != "missing"]
    widest = max(a["median"] for a in measured) or 1
    least = min((a["median"] for a in measured if a["median"] > 0), default=1)
    logarithmic = "set logscale x\n" if widest > 20 * least else ""
    start = least / 3 if logarithmic else 0
    rows = "".join(f'"{a["case"]}" {max(a["median"], start)} {int(COLOURS[a["kind"]][1:], 16)} {a["median"]}\n'
                   for a in reversed(measured))
    plot(path, measured[0], 70 + 26 * len(measured), f"""set xlabel {json.dumps(measured[0]["unit"])} noenhanced
set xrange [{start}:{widest * 1.4}]
{logarithmic}set yrange [-0.6:{len(measured) - 0.4}]
set ytics noenhanced scale 0
set border 1
unset key
set style fill solid 1.0
$rows << EOD
{rows}EOD
plot $rows using ({start}):0:({start}):2:($0-0.35):($0+0.35):3:ytic(1) with boxxyerror lc rgb variable, \\
     $rows using 2:0:(sprintf("  %.2f", $4)) with labels left noenhanced
""")


def points(answers):
    """{series: {x: median}} of cases that are named `series @ x`."""
    found = {}
    for a in answers:
        if a["kind"] == "missing":
            continue
        series, _, x = a["case"].rpartition(" @ ")
        found.setdefault(series, {})[int(x)] = a["median"]
    return found


def curve_table(answers):
    series = points(answers)
    all_x = sorted({x for line in series.values() for x in line})
    if not series:
        return missing(answers)
    unit = next(a["unit"] for a in answers if "unit" in a)
    lines = [f"{'':>10}" + "".join(f"{name:>{max(14, len(name) + 2)}}" for name in series) + f"   ({unit})"]
    for x in all_x:
        lines.append(f"{x:10}" + "".join(f"{line[x]:{max(14, len(name) + 2)}.2f}" if x in line else
                                         " " * max(14, len(name) + 2) for name, line in series.items()))
    return "\n".join(lines) + missing(answers)


def curve_picture(answers, path):
    series = points(answers)
    measured = next(a for a in answers if "unit" in a)
    most = max(y for line in series.values() for y in line.values())
    blocks = "".join(f"$s{i} << EOD\n" + "".join(f"{x} {y}\n" for x, y in sorted(line.items())) + "EOD\n"
                     for i, line in enumerate(series.values()))
    drawn = ", ".join(f"$s{i} using 1:2 with linespoints lw 2 pt 7 ps 0.6 title {json.dumps(name)} noenhanced"
                      for i, name in enumerate(series))
    plot(path, measured, 420, f"""set ylabel {json.dumps(measured["unit"])} noenhanced
set logscale x
set yrange [0:{most * 1.2}]
set key top left
set grid ytics
{blocks}plot {drawn}
""")


def plot(path, answer, height, commands):
    script = f"""set terminal svg size 900,{height} font "sans-serif,12" background "white"
set output {json.dumps(str(path))}
set title {json.dumps(answer["question"])} noenhanced
{commands}"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--curves", action="store_true")
    parser.add_argument("--peers", action="append", default=[])
    parser.add_argument("questions", nargs="*")
    wanted = parser.parse_intermixed_args()
    commands = dict(p.split("=", 1) for p in wanted.peers)
    if wanted.instructions and not shutil.which("valgrind"):
        sys.exit("--instructions needs valgrind")
    prefix = "curve_" if wanted.curves else "perf_"
    programs = {p.name.removeprefix(prefix): p for p in sorted((wanted.build / "perf").glob(prefix + "*"))
                if p.is_file() and os.access(p, os.X_OK)}
    programs = {name: [str(p)] for name, p in programs.items()}
    if not wanted.curves:
        if (wanted.build / "perf" / "http_server").exists():
            programs["http"] = [sys.executable, str(HERE / "http.py"), str(wanted.build / "perf" / "http_server")]
        programs["compile_time"] = [sys.executable, str(HERE / "compile_time.py")]
    unknown = [q for q in wanted.questions if q not in programs]
    if unknown:
        sys.exit(f"no such question: {' '.join(unknown)}; there are: {' '.join(programs)}")

    results = wanted.build / "results"
    results.mkdir(exist_ok=True)
    failed = []
    judgements = []
    for question in wanted.questions or programs:
        command = [*programs[question], "--json"] + (["--quick"] if wanted.quick else [])
        if not wanted.curves:
            command += peer_arguments(question, commands)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode == 77:
            print(f"{question}: {done.stdout}", flush=True)
            continue
        if done.returncode != 0 or not answers:
            failed.append(question)
            print(f"{question}: failed\n", flush=True)
            continue
        if wanted.instructions and not wanted.curves and question in ONE_THREAD:
            count_instructions(question, programs[question][0], commands, answers)
        name = f"curve_{question}" if wanted.curves else question
        (results / f"{name}.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers))
        for number, asked in enumerate(by_question(answers), 1):
            shown = curve_table(asked) if wanted.curves else table(asked)
            said = [] if wanted.curves or wanted.quick else bars.judged(question, asked)
            print(f"{question}: {asked[0]['question']}\n\n{shown}\n", flush=True)
            if said:
                print("\n    ".join(["Bars:", *said]) + "\n", flush=True)
            judgements += (f"{question}: {line}" for line in said)
            if shutil.which("gnuplot") and any(a["kind"] != "missing" for a in asked):
                picture_file = results / (f"{name}.svg" if number == 1 else f"{name}_{number}.svg")
                (curve_picture if wanted.curves else picture)(asked, picture_file)
    for outcome in ("missed", "too close to tell"):
        lines = [line for line in judgements if line.endswith(": " + outcome)]
        if lines:
            print("\n    ".join([f"Bars {outcome}:", *lines]) + "\n")
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
