#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program under gdb and checks what weir-dump prints for the live process and for a core file of it.

    run.py SCRIPT PROGRAM      exits with 77 where gdb cannot be used, or where there is no debug information
"""

import re
import shutil
import subprocess
import sys
import tempfile

EXPECTED = [
    r"executor of thread 1: 6 operations\n",
    r"#1 run: task\n",
    r"#2 spawned at .*stuck\.cpp:29\n",
    r"  reads at .*stuck\.cpp:20 awaits receiver \| buffer \| for_each\n",
    r"    buffer A\n",
    r"      channel B\n",
    r"#3 spawned at .*stuck\.cpp:30: never \| drain\n",
    r"#4 spawned at .*stuck\.cpp:31: sleep_for\n",
    r"  a timer that is due in 7[12]\d{5} ms\n",
    r"#5 member of a task group at .*stuck\.cpp:27\n",
    r"  locks at .*stuck\.cpp:16 awaits sleep_for\n",
    r"    a timer that is due in 3[56]\d{5} ms\n",
    r"#6 member of a task group at .*stuck\.cpp:28\n",
    r"  locks at .*stuck\.cpp:15 awaits lock\n",
    r"    a lock or semaphore C\n",
]


def gdb(script, *arguments):
    command = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-x", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    return done.stdout + done.stderr


def check(text, what):
    at = 0
    for pattern in EXPECTED:
        found = re.compile(pattern).search(text, at)
        if not found:
            print(f"{what}: no line behind the previous ones matches {pattern}\n{text}")
            return False
        at = found.end()
    return True


def main():
    script, program = sys.argv[1:]
    if not shutil.which("gdb"):
        print("gdb is not installed")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        core = f"{folder}/core"
        live = gdb(script, "-ex", "run", "-ex", "weir-dump", "-ex", f"gcore {core}", "-ex", "kill", program)
        for reason in ("Operation not permitted", "no debug information", "Python scripting is not supported",
                       "incomplete type"):
            if reason in live:
                print(f"gdb cannot be used here: {reason}")
                return 77
        dead = gdb(script, "-ex", "weir-dump", program, core)
        return 0 if check(live, "the live process") and check(dead, "the core file") else 1


if __name__ == "__main__":
    sys.exit(main())
