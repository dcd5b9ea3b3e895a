# SPDX-License-Identifier: MIT
"""scale_out: the counts are those of one process, although workers are killed.

    python3 tests/examples/scale_out_test.py SCALE_OUT [--sanitized]

WEIR_BACKEND chooses the backend. Without redis-server, the test is skipped.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

PROGRAM = sys.argv[1]
MANY = 30000 if "--sanitized" in sys.argv else 200000  # they take some seconds


def scale_out(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def children(process):
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(after_name[1]) == process:
            yield int(stat.parent.name)


def arguments_of(process):
    return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")


class ScaleOut(unittest.TestCase):
    def test_workers_that_are_killed_change_no_count(self):
        status, out, err = scale_out("--events", 20000, "--workers", 3, "--streams", 6, "--kills", 2)
        self.assertEqual(status, 0, out + err)
        self.assertEqual(out.count("killed a worker, and started another\n"), 2)
        self.assertRegex(out, r"20000 events by 3 workers, 2 killed: \d+ events/s; "
                              r"the counts are those of one process\n$")

    def test_a_worker_that_is_stopped_for_longer_than_its_lease_changes_no_count(self):
        program = subprocess.Popen([PROGRAM, "--events", str(MANY), "--workers", "3", "--streams", "6", "--kills", "0"],
                                   stdout=subprocess.PIPE)
        self.addCleanup(program.kill)
        program.stdout.readline()  # they work
        worker = next(child for child in children(program.pid) if b"--work" in arguments_of(child))
        os.kill(worker, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(worker, signal.SIGCONT)
        out = program.communicate(timeout=120)[0].decode()
        self.assertEqual(program.returncode, 0, out)
        self.assertIn("the counts are those of one process", out)

    def test_one_worker_without_a_kill(self):
        status, out, err = scale_out("--events", 2000, "--workers", 1, "--streams", 1, "--kills", 0)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(re.search("those of one process", out), out)

    def test_wrong_arguments(self):
        self.assertEqual(scale_out("--events", 0)[0], 2)
        status, _, err = scale_out("--work")
        self.assertEqual(status, 2)
        self.assertIn("needs --redis and --db", err)


if __name__ == "__main__":
    if shutil.which("redis-server") is None:
        print("no redis-server")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
