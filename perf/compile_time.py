# SPDX-License-Identifier: MIT
"""How long do compilers take for a program that uses weir?

    python3 perf/compile_time.py [--quick] [--json] [--list]

Answers in the form that perf/measure.py reads: seconds of processor time, for each compiler that is installed,
in turn, with and without optimisation: a question each. The floor is an empty program; peers are pipelines of the same
stages, and a header of a library of its kind.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from answers import answer

HERE = pathlib.Path(__file__).resolve().parent
COMPILERS = ("g++", "clang++")
ROUNDS = 5

# The text of each stage for weir and for range-v3. No two lambdas have the same type.
STAGES = (
    ("weir::map([](long x) { return x + 1; })", "ranges::views::transform([](long x) { return x + 1; })"),
    ("weir::filter([](long x) { return x % 3 != 0; })", "ranges::views::filter([](long x) { return x % 3 != 0; })"),
    ("weir::skip(1)", "ranges::views::drop(1)"),
    ("weir::take_while([](long x) { return x < 1000; })", "ranges::views::take_while([](long x) { return x < 1000; })"),
    ("weir::map([](long x) { return 2 * x; })", "ranges::views::transform([](long x) { return 2 * x; })"),
)


def weir_pipeline(count):
    stages = "".join(f" |\n        {STAGES[i % 5][0]}" for i in range(count))
    names = ["source/iota", "sink/fold", "executor/executor"]
    names += ["operators/" + name for name in ("map", "filter", "skip", "take_while")[:max(1, min(count, 4))]]
    return "".join(f"#include <weir/{name}.hpp>\n" for name in names) + f"""
int main() {{
    weir::executor ex;
    return static_cast<int>(ex.run(weir::iota(0L, 100L){stages} |
        weir::fold(0L, [](long sum, long x) {{ return sum + x; }})));
}}
"""


def range_pipeline(count):
    stages = "".join(f" |\n        {STAGES[i % 5][1]}" for i in range(count))
    names = ["iota", "transform", "filter", "drop", "take_while"]
    return "".join(f"#include <range/v3/view/{name}.hpp>\n" for name in names) + f"""
#include <range/v3/numeric/accumulate.hpp>

int main() {{
    return static_cast<int>(ranges::accumulate(ranges::views::iota(0L, 100L){stages}, 0L));
}}
"""


def standard_headers():
    """The standard headers that weir's headers include."""
    found = set()
    for header in (HERE.parent / "include").rglob("*.hpp"):
        found.update(re.findall(r"^#include <([a-z_]+)>", header.read_text(), re.MULTILINE))
    return "".join(f"#include <{name}>\n" for name in sorted(found))


# The name, the kind, the needed header, and the source of each program.
PROGRAMS = (
    ("empty program", "floor", None, "int main() {}\n"),
    ("asio.hpp", "peer", "asio.hpp", "#include <asio.hpp>\nint main() {}\n"),
    ("range-v3, 5 stages", "peer", "range/v3/view/iota.hpp", range_pipeline(5)),
    ("range-v3, 20 stages", "peer", "range/v3/view/iota.hpp", range_pipeline(20)),
    ("weir, one operator", "weir", None, weir_pipeline(1)),
    ("weir, 5 stages", "weir", None, weir_pipeline(5)),
    ("weir, 20 stages", "weir", None, weir_pipeline(20)),
    ("its standard headers", "peer", None, standard_headers() + "int main() {}\n"),
    ("weir.hpp", "weir", None, "#include <weir/weir.hpp>\nint main() {}\n"),
)


def newest(compiler):
    """The command: of those whose names end in a version, if there are any, the last."""
    versions = [int(m[1]) for folder in os.get_exec_path() if os.path.isdir(folder)
                for m in map(re.compile(re.escape(compiler) + r"-(\d+)$").match, os.listdir(folder)) if m]
    return f"{compiler}-{max(versions)}" if versions else shutil.which(compiler) and compiler


def command(compiler, optimisation, source, output):
    return [compiler, "-std=c++20", optimisation, f"-I{HERE.parent / 'include'}", "-DASIO_STANDALONE",
            "-c", str(source), "-o",
            str(output)]


def compiles(compiler):
    return subprocess.run([compiler, "-std=c++20", "-fsyntax-only", f"-I{HERE.parent / 'include'}", "-x", "c++", "-"], text=True,
                          input=weir_pipeline(1), stderr=subprocess.DEVNULL).returncode == 0


def has(compiler, header):
    return header is None or subprocess.run([compiler, "-std=c++20", "-E", "-x", "c++", "-", "-o", "/dev/null"], text=True,
                                            input=f"#include <{header}>\n", stderr=subprocess.DEVNULL).returncode == 0


def seconds(arguments):
    process = subprocess.Popen(arguments, env={**os.environ, "CCACHE_DISABLE": "1"})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"failed: {' '.join(arguments)}")
    return used.ru_utime + used.ru_stime


def cases_of(quick):
    """(compiler or None, optimisation, question, name, kind, source); a smoke run has few."""
    for compiler in COMPILERS[:1] if quick else COMPILERS:
        found = newest(compiler)
        if found and not quick and not compiles(found):
            print(f"{found} does not compile weir", file=sys.stderr)
            found = None
        for optimisation in ("-O0",) if quick else ("-O0", "-O2"):
            for name, kind, header, source in PROGRAMS:
                if quick and name not in ("empty program", "weir, one operator"):
                    continue
                here = found is not None and has(found, header)
                question = f"How long does {found or compiler} {optimisation} take for a program that uses weir?"
                yield found if here else None, optimisation, question, name, kind, source


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true")
    wanted = parser.parse_args()
    cases = list(cases_of(wanted.quick))
    if wanted.list:
        print("".join(f"{kind}\t{question} {name}\n" for _, _, question, name, kind, _ in cases), end="")
        return
    took = [[] for _ in cases]
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "program.cpp"
        for _ in range(1 if wanted.quick else ROUNDS):
            for (compiler, optimisation, _, _, _, text), times in zip(cases, took):
                if compiler is not None:
                    source.write_text(text)
                    times.append(seconds(command(compiler, optimisation, source, source.with_suffix(".o"))))
    for (_, _, question, name, kind, _), times in zip(cases, took):
        one = answer(question, name, kind, times, "s of processor time", 4)
        shown = f"{question} {name:24}" + (f"{one['median']:7.2f} s" if times else "   missing")
        print(json.dumps(one) if wanted.json else shown)


if __name__ == "__main__":
    main()
